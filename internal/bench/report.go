package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"time"
)

// Report is what a bench measured, as JSON: raw counts, and times in milliseconds.
type Report struct {
	Bench   string    `json:"bench"`
	Started time.Time `json:"started"`
	// CPUs is how many processors this machine has for the bench.
	CPUs int    `json:"cpus"`
	Go   string `json:"go"`
	// Results are of a type of the bench's own.
	Results []any `json:"results"`

	missed []error
}

// NewReport begins the report of a bench.
func NewReport(bench string) *Report {
	return &Report{Bench: bench, Started: time.Now().UTC(), CPUs: runtime.NumCPU(), Go: runtime.Version()}
}

// Add adds a result. If it has a method Missed() error, that returns which of its limits it missed.
func (r *Report) Add(result any) {
	r.Results = append(r.Results, result)
	if limited, ok := result.(interface{ Missed() error }); ok {
		r.missed = append(r.missed, limited.Missed())
	}
}

// End writes the report to a file for its owner alone (0600), unless path is empty. It returns an error of one line that
// names the limits that the results missed.
func (r *Report) End(path string) error { return oneLine(append(r.missed, r.write(path))...) }

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

// oneLine joins errors into one line. It returns the error itself if there is one only, and nil if there is none.
func oneLine(errs ...error) error {
	var all error
	for _, err := range errs {
		switch {
		case all == nil:
			all = err
		case err != nil:
			all = fmt.Errorf("%w; %w", all, err)
		}
	}
	return all
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
