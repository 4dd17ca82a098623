package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// starts is the number of times that the compiled program is started.
const starts = 9

// StartResult holds the time of one compilation and of each start, in milliseconds. The starts are sorted.
type StartResult struct {
	CompileMS float64   `json:"cold_compile_ms"`
	StartMS   []float64 `json:"start_ms"`
}

func (r StartResult) String() string {
	return fmt.Sprintf("cold compile %.1fs · start %.0fms (median of %d)", r.CompileMS/1000, r.StartMS[len(r.StartMS)/2], len(r.StartMS))
}

// Start compiles the targets of the working directory from a cold build cache, and starts the compiled program.
func Start(ctx context.Context) (result StartResult, err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return result, fmt.Errorf("make a folder for the build: %w", err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "targets")
	cold, err := timed(ctx, []string{"GOCACHE=" + filepath.Join(dir, "cache")}, "go", "tool", "mage", "-compile", program)
	if err != nil {
		return result, err
	}
	warm := make([]time.Duration, starts)
	for i := range warm {
		if warm[i], err = timed(ctx, nil, program, "-l"); err != nil {
			return result, err
		}
	}
	slices.Sort(warm)
	return StartResult{ms(cold), allMS(warm)}, nil
}

// timed runs a command and returns its duration. If the command fails, the error contains its output.
func timed(ctx context.Context, env []string, name string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("run %s: %w: %s", name, err, out)
	}
	return time.Since(began), nil
}
