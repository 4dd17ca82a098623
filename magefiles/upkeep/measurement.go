package upkeep

import (
	"fmt"

	"github.com/growl-dev/deploy/internal/bench"
	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/magefiles/growl"
	"github.com/growl-dev/deploy/report"
)

// measurement is a running bench and its report.
type measurement struct {
	options bench.Options
	report  *bench.Report
	file    string
}

// newMeasurement begins a bench with the values of its flags -factor and -report, and refuses invalid ones.
func newMeasurement(name string, factor *float64, file *string) (*measurement, error) {
	m := &measurement{options: bench.Options{Sandbox: growl.Sandbox()}, report: bench.NewReport(name)}
	if factor != nil {
		if *factor < 1 {
			return nil, console.Usage("-factor=%v: want at least 1", *factor)
		}
		m.options.Sandbox.Factor = *factor
	}
	if file != nil {
		m.file = *file
	}
	if err := report.CheckFile(m.file); err != nil {
		return nil, console.Usage("%v", err)
	}
	return m, nil
}

// add prints a result and adds it to the report.
func (m *measurement) add(result fmt.Stringer) {
	console.Printf("%s\n", result)
	m.report.Add(result)
}

// end writes the report, if a file for it was given. It returns an error if a result missed a limit.
func (m *measurement) end() error { return m.report.End(m.file) }
