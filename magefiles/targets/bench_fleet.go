package targets

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// What a run may cost whoever deploys.
const (
	mostMemory = 200 << 20             // bytes, whatever the fleet's size
	mostCPU    = 10 * time.Millisecond // an instance, in a fleet of a thousand
)

// fleetResult is a run across a fleet of one size.
type fleetResult struct {
	Instances int     `json:"instances"`
	Batch     string  `json:"batch"`
	Updated   int     `json:"updated"`
	TotalMS   float64 `json:"total_ms"`
	// CPUMS and PeakBytes are the deploying process's alone.
	CPUMS     float64 `json:"cpu_ms"`
	PeakBytes int64   `json:"peak_bytes"`
	// Calls are what AWS was asked, by action.
	Calls map[string]int `json:"calls"`
}

// Fleet rolls a release out across 10, 100 and 1,000 instances behind real SSH servers, and prints what that costs.
func (Bench) Fleet(ctx context.Context,
	// a fleet of this size only
	instances *int,
	// how many times faster than real the load balancer's time goes by; default 10
	factor *float64,
	// file to write raw counts to, as JSON
	report *string,
) (err error) {
	defer cleanError(&err)
	speed, err := benchFactor(factor, report)
	if err != nil {
		return err
	}
	sizes := []int{10, 100, 1000}
	if instances != nil {
		sizes = []int{*instances}
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	document := newBenchReport("fleet")
	var results []fleetResult
	var missed []error
	for _, size := range sizes {
		result, err := benchFleet(ctx, size, speed)
		if err != nil {
			return fmt.Errorf("fleet of %d: %w", size, err)
		}
		printf("%s\n", result)
		results = append(results, result)
		missed = append(missed, result.missed())
	}
	document.Results = results
	return errors.Join(document.write(report), oneLine(missed...))
}

func (r fleetResult) String() string {
	seconds := r.TotalMS / 1000
	return fmt.Sprintf("%4d instances in %.0fs · memory %d MB · CPU %.1fms an instance · DescribeTargetHealth %d times, %.2f a second",
		r.Instances, seconds, r.PeakBytes>>20, r.CPUMS/float64(r.Instances),
		r.Calls["DescribeTargetHealth"], float64(r.Calls["DescribeTargetHealth"])/seconds)
}

// missed says which limit the run broke. What the program costs before it meets
// an instance is spread over too few in a small fleet.
func (r fleetResult) missed() error {
	var missed []error
	if r.PeakBytes > mostMemory {
		missed = append(missed, fmt.Errorf("%d instances took %d MB: at most %d", r.Instances, r.PeakBytes>>20, mostMemory>>20))
	}
	if each := r.CPUMS / float64(r.Instances); r.Instances >= 1000 && each > ms(mostCPU) {
		missed = append(missed, fmt.Errorf("%d instances took %.1fms of CPU each: at most %s", r.Instances, each, mostCPU))
	}
	return errors.Join(missed...)
}

// benchFleet brings the far ends up in a process of their own, so that the
// deploying one's memory and time are its alone.
func benchFleet(ctx context.Context, size int, factor float64) (result fleetResult, err error) {
	far, err := farEnds(ctx, "-hollow", "-instances="+strconv.Itoa(size), "-factor="+strconv.FormatFloat(factor, 'f', -1, 64))
	if err != nil {
		return result, err
	}
	// What machines need for their own work does not go by faster.
	policy, err := changed(far.get("POLICY"), "batch=10% prove=60s health=120s parallel=20")
	if err != nil {
		return result, errors.Join(err, far.end())
	}
	ran, err := benchDeploy(ctx, far.vars, far.get("V2"), policy)
	if err := errors.Join(err, far.end()); err != nil {
		return result, err
	}
	result = fleetResult{
		Instances: size, Batch: "10%", TotalMS: ms(ran.Finished.Sub(ran.Started)),
		CPUMS: ms(ran.CPU), PeakBytes: ran.Peak, Calls: far.calls,
	}
	for _, i := range ran.Instances {
		if i.Outcome == rollout.Updated {
			result.Updated++
		}
	}
	return result, nil
}

// far is a sandbox in a process of its own.
type far struct {
	dir   string
	cmd   *exec.Cmd
	said  bytes.Buffer // for people; read once it has ended
	vars  []string
	calls map[string]int // once it has ended
}

// farEnds brings a sandbox up and reads the variables that lead to it.
func farEnds(ctx context.Context, flags ...string) (f *far, err error) {
	f = &far{}
	if f.dir, err = os.MkdirTemp("", "growl-bench-"); err != nil {
		return nil, fmt.Errorf("make a folder for the sandbox: %w", err)
	}
	f.cmd, err = self(ctx, nil, append([]string{"sandbox:up", "-report=" + f.file()}, flags...)...)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(f.dir))
	}
	f.cmd.Stderr = &f.said
	exports, err := f.cmd.StdoutPipe()
	if err == nil {
		err = f.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the sandbox: %w", err), os.RemoveAll(f.dir))
	}
	lines := bufio.NewScanner(exports)
	for f.get("POLICY") == "" && lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		f.vars = append(f.vars, name+"="+strings.Trim(value, "'"))
	}
	if f.get("POLICY") == "" {
		return nil, errors.Join(errors.New("the sandbox did not come up"), f.end())
	}
	return f, nil
}

func (f *far) file() string { return filepath.Join(f.dir, "calls.json") }

// get is a variable's value, or "".
func (f *far) get(name string) string {
	for _, pair := range f.vars {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// end ends the sandbox, waits for it, and reads what it was asked.
func (f *far) end() error {
	defer os.RemoveAll(f.dir)
	_ = f.cmd.Process.Signal(os.Interrupt) // one that has ended says so below
	if err := f.cmd.Wait(); err != nil {
		return fmt.Errorf("end the sandbox: %w: %s", err, lastLine(f.said.Bytes()))
	}
	content, err := os.ReadFile(f.file())
	if err != nil {
		return fmt.Errorf("read what the sandbox was asked: %w", err)
	}
	var said asked
	if err := json.Unmarshal(content, &said); err != nil {
		return fmt.Errorf("read what the sandbox was asked: %w", err)
	}
	f.calls = said.Calls
	return nil
}
