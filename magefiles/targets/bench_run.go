package targets

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// benched is a run of deploy:dev in a process of its own, and what it cost.
type benched struct {
	report.Document
	// CPU is the process's, user's and system's together.
	CPU time.Duration
	// Peak is the most memory that the process held, in bytes.
	Peak int64
}

// benchDeploy rolls a tag out, in the place that vars point at.
func benchDeploy(ctx context.Context, vars []string, tag, policy string) (benched, error) {
	dir, err := os.MkdirTemp("", "growl-bench-")
	if err != nil {
		return benched{}, fmt.Errorf("make a folder for the report: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "report.json")
	cmd, err := self(ctx, vars, "deploy:dev", "-tag="+tag, "-policy="+policy, "-report="+file)
	if err != nil {
		return benched{}, err
	}
	said, failed := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return benched{}, fmt.Errorf("deploy %s: %w", tag, failed) // it was never started
	}
	b := benched{CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), Peak: peak(cmd.ProcessState)}
	content, err := os.ReadFile(file)
	if err != nil {
		return b, fmt.Errorf("deploy %s: %w: %s", tag, cmp.Or(failed, err), lastLine(said))
	}
	if err := json.Unmarshal(content, &b.Document); err != nil {
		return b, fmt.Errorf("read the report: %w", err)
	}
	if failed != nil {
		return b, fmt.Errorf("deploy %s: %w: %s", tag, failed, lastLine(said))
	}
	return b, nil
}

// sideBySide runs all cases at once, each in an environment of its own. One that
// fails ends the others.
func sideBySide[C, R any](ctx context.Context, cases []C, run func(context.Context, C) (R, error)) ([]R, error) {
	results := make([]R, len(cases))
	work, ctx := errgroup.WithContext(ctx)
	for i, c := range cases {
		work.Go(func() (err error) {
			results[i], err = run(ctx, c)
			return err
		})
	}
	return results, work.Wait()
}

// self is this program with other arguments. What ends ctx interrupts it, as
// Ctrl-C does, and leaves it the time to put back what is in flight.
func self(ctx context.Context, vars []string, args ...string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program of the targets: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), vars...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	return cmd, nil
}

// peak is the most memory a process held, as getrusage tells it: in kilobytes,
// but on macOS in bytes. It is never less than what this process held when it
// started that one.
func peak(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) * 1024
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// changed is a policy's text with changes to it.
func changed(policy, changes string) (string, error) {
	base, err := rollout.ParsePolicy(rollout.DefaultPolicy(), policy)
	if err != nil {
		return "", err
	}
	p, err := rollout.ParsePolicy(base, changes)
	return p.String(), err
}

// rowsOf are an instance's rows of that name that were no compensation.
func rowsOf(i rollout.InstanceResult, name rollout.StepName) (rollout.StepResult, bool) {
	for _, s := range i.Steps {
		if s.Name == name && !s.Undo {
			return s, true
		}
	}
	return rollout.StepResult{}, false
}

// between is how long each instance took from the beginning of one row to the
// end of another.
func between(r rollout.Result, from, to rollout.StepName) []time.Duration {
	var took []time.Duration
	for _, i := range r.Instances {
		began, ok := rowsOf(i, from)
		ended, done := rowsOf(i, to)
		if ok && done {
			took = append(took, ended.Finished.Sub(began.Started))
		}
	}
	return took
}
