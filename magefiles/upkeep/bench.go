package upkeep

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/internal/bench"
	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/internal/signals"
)

// Bench measures rollouts; the results depend on the machine.
type Bench mg.Namespace

// Deploy rolls a release out in the sandbox and prints the run's time over the sum of the waits that nothing can shorten.
func (Bench) Deploy(ctx context.Context,
	// how many times faster than in AWS the load balancer's time passes; default 10
	factor *float64,
	// file to write raw counts to, as JSON
	report *string,
) (err error) {
	defer console.CleanError(&err)
	m, err := newMeasurement("deploy", factor, report)
	if err != nil {
		return err
	}
	ctx, stop := signals.Until(ctx)
	defer stop()
	out := console.Out()
	result, err := bench.Deploy(ctx, m.options, out)
	_ = out.Flush()
	if err != nil {
		return err
	}
	m.add(result)
	return m.end()
}

// Start prints how long the targets take to compile from a cold build cache, and how long a compiled one takes to start.
func (Bench) Start(ctx context.Context,
	// file to write raw counts to, as JSON
	report *string,
) (err error) {
	defer console.CleanError(&err)
	m, err := newMeasurement("start", nil, report)
	if err != nil {
		return err
	}
	result, err := bench.Start(ctx)
	if err != nil {
		return err
	}
	m.add(result)
	return m.end()
}

// Drain compares the documented process with drain on evidence, side by side under the same load.
func (Bench) Drain(ctx context.Context,
	// how many times faster than in AWS the load balancer's time passes; default 10
	factor *float64,
	// file to write raw counts to, as JSON
	report *string,
) (err error) {
	defer console.CleanError(&err)
	m, err := newMeasurement("drain", factor, report)
	if err != nil {
		return err
	}
	ctx, stop := signals.Until(ctx)
	defer stop()
	for _, c := range bench.DrainCases() {
		pair, err := bench.Drain(ctx, m.options, c)
		if err != nil {
			return err
		}
		console.Printf("%s\n", pair)
		m.report.Add(pair.Fixed)
		m.report.Add(pair.Evidence)
	}
	return m.end()
}

// Services rolls out services with no, few and many clients, and shows the time and the evidence of each drain.
func (Bench) Services(ctx context.Context,
	// how many times faster than in AWS the load balancer's time passes; default 10
	factor *float64,
	// file to write raw counts to, as JSON
	report *string,
) (err error) {
	defer console.CleanError(&err)
	m, err := newMeasurement("services", factor, report)
	if err != nil {
		return err
	}
	ctx, stop := signals.Until(ctx)
	defer stop()
	results, err := bench.Services(ctx, m.options)
	if err != nil {
		return err
	}
	for _, result := range results {
		m.add(result)
	}
	return m.end()
}

// Fleet rolls a release out across 10, 100 and 1,000 instances behind real SSH servers, and prints the cost.
func (Bench) Fleet(ctx context.Context,
	// a fleet of this size only
	instances *int,
	// how many times faster than in AWS the load balancer's time passes; default 10
	factor *float64,
	// file to write raw counts to, as JSON
	report *string,
) (err error) {
	defer console.CleanError(&err)
	m, err := newMeasurement("fleet", factor, report)
	if err != nil {
		return err
	}
	sizes := []int{10, 100, 1000}
	if instances != nil {
		sizes = []int{*instances}
	}
	ctx, stop := signals.Until(ctx)
	defer stop()
	for _, size := range sizes {
		result, err := bench.Fleet(ctx, m.options, size)
		if err != nil {
			return err
		}
		m.add(result)
	}
	return m.end()
}

// Load rolls a release out across ten instances under thousands of requests a second, and counts those that fail.
func (Bench) Load(ctx context.Context,
	// requests a second; default 5000
	rate *int,
	// how many of them each on a new connection; default 500
	fresh *int,
	// how many times faster than in AWS the load balancer's time passes; default 10
	factor *float64,
	// file to write raw counts to, as JSON
	report *string,
) (err error) {
	defer console.CleanError(&err)
	m, err := newMeasurement("load", factor, report)
	if err != nil {
		return err
	}
	load := bench.DefaultLoad()
	if rate != nil {
		load.Rate = *rate
	}
	if fresh != nil {
		load.Fresh = *fresh
	}
	if err := load.Validate(); err != nil {
		return console.Usage("-rate=%d -fresh=%d: %v", load.Rate, load.Fresh, err)
	}
	ctx, stop := signals.Until(ctx)
	defer stop()
	result, err := bench.UnderLoad(ctx, m.options, load)
	if err != nil {
		return err
	}
	m.add(result)
	return m.end()
}
