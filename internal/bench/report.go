package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/growl-dev/deploy/internal/oneline"
)

// Report holds the measurements of a bench as JSON: raw counts, and times in milliseconds.
type Report struct {
	Bench   string    `json:"bench"`
	Started time.Time `json:"started"`
	// CPUs is the number of processors of this machine.
	CPUs int    `json:"cpus"`
	Go   string `json:"go"`
	// Results have a type that depends on the bench.
	Results []any `json:"results"`

	missed []error
}

// NewReport begins the report of a bench.
func NewReport(bench string) *Report {
	return &Report{Bench: bench, Started: time.Now().UTC(), CPUs: runtime.NumCPU(), Go: runtime.Version()}
}

// Add adds a result. If it has a method Missed() error, Add records the error that it returns.
func (r *Report) Add(result any) {
	r.Results = append(r.Results, result)
	if limited, ok := result.(interface{ Missed() error }); ok {
		r.missed = append(r.missed, limited.Missed())
	}
}

// End writes the report to a file for its owner alone (0600), unless path is empty. It returns an error of one line
// that names the limits that the results missed.
func (r *Report) End(path string) error { return joined(append(r.missed, r.write(path))...) }

func (r *Report) write(path string) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// joined joins errors on one line.
func joined(errs ...error) error { return oneline.Error(errors.Join(errs...)) }

// ms returns a duration in milliseconds, to the microsecond.
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

// mean returns zero for no durations.
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
