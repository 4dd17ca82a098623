package targets

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// starts is how often a compiled target is started.
const starts = 9

// Start prints how long the targets take to compile from a cold build cache, and how long a compiled one takes to start.
func (Bench) Start(ctx context.Context,
	// file to write raw counts to, as JSON
	report *string,
) (err error) {
	defer cleanError(&err)
	if err := checkReport(report); err != nil {
		return err
	}
	measured := newBenchReport("start")
	dir, err := os.MkdirTemp("", "growl-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the build: %w", err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "targets")
	cold, err := timed(ctx, []string{"GOCACHE=" + filepath.Join(dir, "cache")}, "go", "tool", "mage", "-compile", program)
	if err != nil {
		return err
	}
	warm := make([]time.Duration, starts)
	for i := range warm {
		if warm[i], err = timed(ctx, nil, program, "-l"); err != nil {
			return err
		}
	}
	slices.Sort(warm)
	measured.Results = []startResult{{ms(cold), allMS(warm)}}
	printf("cold compile %.1fs · start %dms (median of %d)\n", cold.Seconds(), warm[starts/2].Milliseconds(), starts)
	return measured.write(report)
}

// startResult is what one compilation and each start took.
type startResult struct {
	CompileMS float64   `json:"cold_compile_ms"`
	StartMS   []float64 `json:"start_ms"`
}

// timed runs a command and answers how long it took; what it prints is shown only
// where it fails.
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
