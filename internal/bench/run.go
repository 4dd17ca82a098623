package bench

import (
	"cmp"
	"context"
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
	"github.com/growl-dev/deploy/sandbox"
)

// run is the report and the cost of a deploy in a process of its own.
type run struct {
	report.Document
	// CPU is the CPU time of the process, user and system.
	CPU time.Duration
	// Peak is the highest memory use of the process, in bytes.
	Peak int64
}

// deploy rolls a tag out in the environment that vars configure.
func (o Options) deploy(ctx context.Context, vars []string, tag, policy string) (run, error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return run{}, fmt.Errorf("make a folder for the report: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "report.json")
	cmd := o.command(ctx, vars, "deploy:to", o.Sandbox.Environment, "-tag="+tag, "-policy="+policy, "-report="+file)
	printed, failed := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return run{}, fmt.Errorf("deploy %s: %w", tag, failed) // it was never started
	}
	r := run{CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), Peak: peak(cmd.ProcessState)}
	if err := cmp.Or(failed, readJSON(file, &r.Document)); err != nil {
		return r, fmt.Errorf("deploy %s: %w: %s", tag, err, lastLine(printed))
	}
	return r, nil
}

// command returns the command that runs the targets' program with these arguments. If ctx ends, the program is
// interrupted, as with Ctrl-C, and has time to put the instances in flight back.
func (o Options) command(ctx context.Context, vars []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, o.Program, args...)
	cmd.Env = append(os.Environ(), vars...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	return cmd
}

// sideBySide runs all cases at once, each in an environment of its own. If one fails, the others are cancelled.
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

// closed closes an environment, and joins err, the error of its use, with that of closing.
func closed(env *sandbox.Environment, err error) error { return joined(err, env.Close()) }

// peak returns the highest memory use of a process, in bytes. Getrusage counts it in kilobytes, but on macOS in bytes.
// It is never less than the memory of this process when it started that one.
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

// changed returns a policy's text with changes to it.
func changed(policy, changes string) (string, error) {
	base, err := rollout.ParsePolicy(rollout.DefaultPolicy(), policy)
	if err != nil {
		return "", err
	}
	p, err := rollout.ParsePolicy(base, changes)
	return p.String(), err
}

// stepOf returns an instance's step of that name, ignoring compensations.
func stepOf(i rollout.InstanceResult, name rollout.StepName) (rollout.StepResult, bool) {
	for _, s := range i.Steps {
		if s.Name == name && !s.Undo {
			return s, true
		}
	}
	return rollout.StepResult{}, false
}

// between returns how long each instance took from the beginning of one step to the end of another.
func between(r rollout.Result, from, to rollout.StepName) []time.Duration {
	var took []time.Duration
	for _, i := range r.Instances {
		began, ok := stepOf(i, from)
		ended, done := stepOf(i, to)
		if ok && done {
			took = append(took, ended.Finished.Sub(began.Started))
		}
	}
	return took
}
