package targets

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// benchReport is what a bench measured, as JSON: raw counts, and times in milliseconds.
type benchReport struct {
	Bench   string    `json:"bench"`
	Started time.Time `json:"started"`
	// CPUs is how many this machine lent to the bench.
	CPUs int    `json:"cpus"`
	Go   string `json:"go"`
	// Results are of a type of the bench's own.
	Results any `json:"results"`
}

func newBenchReport(bench string) benchReport {
	return benchReport{Bench: bench, Started: time.Now().UTC(), CPUs: runtime.NumCPU(), Go: runtime.Version()}
}

// write writes the report to a file; nil: nowhere.
func (r benchReport) write(path *string) error { return writeJSON(path, r) }

// writeJSON writes v to a file for its owner alone; nil: nowhere.
func writeJSON(path *string, v any) error {
	if path == nil {
		return nil
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.WriteFile(*path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// checkReport refuses a report that could not be written, before minutes are
// spent on what it would say.
func checkReport(path *string) error {
	if path == nil || *path == "" {
		return nil
	}
	if dir, err := os.Stat(filepath.Dir(*path)); err != nil || !dir.IsDir() {
		return usage("write the report to %s: its folder does not exist", *path)
	}
	return nil
}

// oneLine joins errors into one line; nil where there is none.
func oneLine(errs ...error) error {
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// ms is a time in milliseconds, to the microsecond.
func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

func allMS(ds []time.Duration) []float64 {
	all := make([]float64, len(ds))
	for i, d := range ds {
		all[i] = ms(d)
	}
	return all
}

// mean of nothing is zero.
func mean(ds []time.Duration) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range ds {
		sum += d
	}
	return sum / time.Duration(len(ds))
}
