package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// DeployResult compares the time of a run with the time of the waits that nothing can shorten, in milliseconds.
type DeployResult struct {
	RunMS   float64 `json:"run_ms"`
	WaitsMS float64 `json:"unavoidable_waits_ms"`
}

func (r DeployResult) String() string {
	return fmt.Sprintf("run %.2fs · unavoidable waits %.2fs · ratio %.3f", r.RunMS/1000, r.WaitsMS/1000, r.RunMS/r.WaitsMS)
}

// Deploy rolls a release out in the sandbox with sandbox:run, and writes the output to out.
func Deploy(ctx context.Context, o Options, out io.Writer) (result DeployResult, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return result, err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return result, fmt.Errorf("make a folder for the report: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "report.json")
	run := o.command(ctx, nil, "sandbox:run", "-factor="+decimal(o.Sandbox.Factor), "-report="+file)
	run.Stdout, run.Stderr = out, out
	if err := run.Run(); err != nil {
		return result, fmt.Errorf("roll a release out in the sandbox: %w", err)
	}
	var document report.Document
	if err := readJSON(file, &document); err != nil {
		return result, err
	}
	return DeployResult{ms(document.Finished.Sub(document.Started)), ms(unavoidable(document.Result, o.Sandbox.Factor))}, nil
}

// registrationLag is the time until the sandbox's load balancer routes to a registered target, in AWS's time. Its
// health checks pass within that.
const registrationLag = 90 * time.Second

// unavoidable returns the sum of the waits for instances that leave one at a time: the routing lag (longer than the
// drain's minimum), the container's own stop and start, the registration lag, and the pauses between instances.
func unavoidable(r rollout.Result, factor float64) time.Duration {
	policy := rollout.DefaultPolicy()
	lags := max(policy.Drain.Min, policy.Drain.Lag) + registrationLag
	swap := []rollout.StepName{rollout.StepStop, rollout.StepStart, rollout.StepProve}
	sum := scaled(policy.Pause*time.Duration(len(r.Instances)-1), factor)
	for _, i := range r.Instances {
		sum += scaled(lags, factor)
		for _, s := range i.Steps {
			if slices.Contains(swap, s.Name) {
				sum += s.Finished.Sub(s.Started)
			}
		}
	}
	return sum
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// readJSON reads a report of the targets' program.
func readJSON(file string, v any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	if err := json.Unmarshal(content, v); err != nil {
		return fmt.Errorf("read the report %s: %w", file, err)
	}
	return nil
}
