package targets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// servicePoolSize is how many connections each container of a bench keeps to a database.
const servicePoolSize = 5

// serviceCase is a service that is rolled out.
type serviceCase struct {
	clients string
	// rate is how many connections they open a second, in AWS's time.
	rate float64
	// counted is by whom: the service or the kernel.
	counted string
}

const (
	byService = "service"
	byKernel  = "kernel"
)

// serviceRounds are the services that are rolled out side by side.
func serviceRounds() [][]serviceCase {
	both := func(clients string, rate float64) []serviceCase {
		return []serviceCase{{clients, rate, byService}, {clients, rate, byKernel}}
	}
	return [][]serviceCase{
		slices.Concat(both("no connections", 0), both("1 connection a minute", 1.0/60)),
		slices.Concat(both("1 connection a second", 1), both("200 connections a second", 200)),
	}
}

// serviceResult is how one service was rolled out.
type serviceResult struct {
	Clients string `json:"clients"`
	// Rate is how many connections a second they opened in the sandbox's time.
	Rate    float64   `json:"connections_per_second"`
	Counted string    `json:"counted_by"`
	Pool    int       `json:"database_connections"`
	CheckMS float64   `json:"container_health_check_ms"`
	LagMS   float64   `json:"routing_lag_ms"`
	DrainMS []float64 `json:"drain_ms"`
	// Seen is what each drain's evidence was.
	Seen []string `json:"seen"`
	// Traffic is null where there was none.
	Traffic *probe.Receipt `json:"traffic"`

	// sparse is set where silence proves nothing.
	sparse bool
}

// Services rolls services out that have none, few and many clients, and shows how long each drained on which evidence.
func (Bench) Services(ctx context.Context,
	// how many times faster than real the load balancer's time goes by; default 10
	factor *float64,
	// file to write raw counts to, as JSON
	report *string,
) (err error) {
	defer cleanError(&err)
	speed, err := benchFactor(factor, report)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	document := newBenchReport("services")
	var results []serviceResult
	for _, round := range serviceRounds() {
		rolled, err := sideBySide(ctx, round, func(ctx context.Context, c serviceCase) (serviceResult, error) { return c.roll(ctx, speed) })
		if err != nil {
			return err
		}
		results = append(results, rolled...)
	}
	var missed []error
	for _, r := range results {
		printf("%s\n", r)
		missed = append(missed, r.missed())
	}
	document.Results = results
	return errors.Join(document.write(report), oneLine(missed...))
}

// roll rolls one service out across two instances. Its containers keep a pool of
// connections to a database and check their own health each second.
func (c serviceCase) roll(ctx context.Context, factor float64) (r serviceResult, err error) {
	lag := 120 * time.Second
	env, err := sandbox.Start(ctx, c.options(factor, lag))
	if err != nil {
		return r, err
	}
	defer func() { err = closed(env, err) }()
	r = serviceResult{
		Clients: c.clients, Rate: c.here(factor), Counted: c.counted, Pool: servicePoolSize, CheckMS: 1000, LagMS: ms(lag) / factor,
		sparse: c.rate < 1,
	}
	// What machines need for their own work does not go by faster.
	policy, err := changed(env.Policy(), "prove=60s health=120s")
	if err != nil {
		return r, err
	}
	load, err := c.load(ctx, env.URL, r.Rate)
	if err != nil {
		return r, err
	}
	ran, err := benchDeploy(ctx, env.Env(), env.V2, policy)
	r.Traffic = load()
	r.read(ran.Result)
	return r, err
}

// options are a sandbox of the service. One that the kernel counts is a stand-in that counts nothing itself.
func (c serviceCase) options(factor float64, lag time.Duration) sandbox.Options {
	o := growlSandbox()
	o.Instances, o.Factor, o.Lags = 2, factor, sandbox.Lags{Register: lag, Deregister: lag}
	o.Service.Pool, o.Service.HealthCheck = servicePoolSize, time.Duration(factor*float64(time.Second))
	if c.counted == byKernel {
		o.Service.Program, o.Service.CountField, o.Service.CountFile, o.Service.Labels = "", "", "", nil
	}
	return o
}

// here is the rate in the sandbox's time; the busiest service is as busy as this
// machine can have it.
func (c serviceCase) here(factor float64) float64 { return min(c.rate*factor, 200) }

// load begins to send requests; stop ends that and says how it went.
func (c serviceCase) load(ctx context.Context, url string, rate float64) (stop func() *probe.Receipt, err error) {
	if rate == 0 {
		return func() *probe.Receipt { return nil }, nil
	}
	p, err := probe.Start(ctx, probe.Options{URL: url, Rate: rate, KeepAlive: -1, Timeout: 30 * time.Second})
	if err != nil {
		return nil, err
	}
	return func() *probe.Receipt { traffic := p.Stop(); return &traffic }, nil
}

// read takes what the drains of a run saw.
func (r *serviceResult) read(result rollout.Result) {
	r.DrainMS = allMS(between(result, rollout.StepDeregister, rollout.StepDrain))
	for _, i := range result.Instances {
		if drain, ok := rowsOf(i, rollout.StepDrain); ok {
			r.Seen = append(r.Seen, drain.Detail)
		}
	}
}

func (r serviceResult) String() string {
	traffic := "no requests"
	if r.Traffic != nil {
		traffic = r.Traffic.String()
	}
	s := fmt.Sprintf("%s, counted by the %s · %s", r.Clients, r.Counted, traffic)
	for _, seen := range r.Seen {
		s += "\n  " + seen
	}
	return s
}

// missed says what a drain must not have done: fail a request, or end before the
// routing lag where silence proves nothing.
func (r serviceResult) missed() error {
	if r.Traffic != nil && r.Traffic.Failed > 0 {
		return fmt.Errorf("%s, counted by the %s: %d requests failed", r.Clients, r.Counted, r.Traffic.Failed)
	}
	for _, took := range r.DrainMS {
		if r.sparse && took < r.LagMS {
			return fmt.Errorf("%s, counted by the %s: drained in %.0f ms on silence that proves nothing, the routing lag is %.0f ms", r.Clients, r.Counted, took, r.LagMS)
		}
	}
	return nil
}
