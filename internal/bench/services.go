package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

const (
	// servicePool is the number of connections that each container keeps to a database.
	servicePool = 5
	// serviceLag is the load balancer's routing lag, in AWS's time.
	serviceLag = 120 * time.Second
)

// serviceCase is a service that is rolled out.
type serviceCase struct {
	clients string
	// rate is the number of connections that the clients open per second, in AWS's time.
	rate float64
	// counted is the side that counts the connections: the service or the kernel.
	counted string
}

const (
	byService = "service"
	byKernel  = "kernel"
)

// serviceRounds returns the services in groups that are rolled out side by side.
func serviceRounds() [][]serviceCase {
	both := func(clients string, rate float64) []serviceCase {
		return []serviceCase{{clients, rate, byService}, {clients, rate, byKernel}}
	}
	return [][]serviceCase{
		slices.Concat(both("no connections", 0), both("1 connection a minute", 1.0/60)),
		slices.Concat(both("1 connection a second", 1), both("200 connections a second", 200)),
	}
}

// ServiceResult is the result of rolling one service out. Times are in milliseconds.
type ServiceResult struct {
	Clients string `json:"clients"`
	// Rate is the number of connections per second that the clients opened in the sandbox's time.
	Rate    float64   `json:"connections_per_second"`
	Counted string    `json:"counted_by"`
	Pool    int       `json:"database_connections"`
	CheckMS float64   `json:"container_health_check_ms"`
	LagMS   float64   `json:"routing_lag_ms"`
	DrainMS []float64 `json:"drain_ms"`
	// Seen is the evidence of each drain.
	Seen []string `json:"seen"`
	// Traffic is null if there was none.
	Traffic *probe.Receipt `json:"traffic"`

	// sparse is set if the connections are so few that silence is no evidence.
	sparse bool
}

func (r ServiceResult) String() string {
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

// Missed returns an error if a request failed, or if a drain ended before the routing lag although silence is no
// evidence.
func (r ServiceResult) Missed() error {
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

// Services rolls out services with no, few and many clients, each with and without a count of its own.
func Services(ctx context.Context, o Options) ([]ServiceResult, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	var results []ServiceResult
	for _, round := range serviceRounds() {
		rolled, err := sideBySide(ctx, round, func(ctx context.Context, c serviceCase) (ServiceResult, error) { return c.roll(ctx, o) })
		if err != nil {
			return nil, err
		}
		results = append(results, rolled...)
	}
	return results, nil
}

// roll rolls one service out across two instances. Its containers keep a pool of connections to a database and check
// their own health each second.
func (c serviceCase) roll(ctx context.Context, o Options) (r ServiceResult, err error) {
	factor := o.Sandbox.Factor
	env, err := sandbox.Start(ctx, c.sandbox(o.Sandbox))
	if err != nil {
		return r, err
	}
	defer func() { err = closed(env, err) }()
	r = ServiceResult{
		Clients: c.clients, Rate: c.here(factor), Counted: c.counted, Pool: servicePool, CheckMS: 1000, LagMS: ms(scaled(serviceLag, factor)),
		sparse: c.rate < 1,
	}
	// These limits are not scaled, because this machine's own work takes as long as ever.
	policy, err := changed(env.Policy(), "prove=60s health=120s")
	if err != nil {
		return r, err
	}
	load, err := c.load(ctx, env.URL, r.Rate)
	if err != nil {
		return r, err
	}
	ran, err := o.deploy(ctx, env.Env(), env.V2, policy)
	r.Traffic = load()
	r.read(ran.Result)
	return r, err
}

// sandbox returns an environment of the service. For a service whose connections the kernel counts, it is a stand-in
// that does not count them itself.
func (c serviceCase) sandbox(o sandbox.Options) sandbox.Options {
	o.Instances, o.Lags = 2, sandbox.Lags{Register: serviceLag, Deregister: serviceLag}
	o.Service.Pool, o.Service.HealthCheck = servicePool, time.Duration(o.Factor*float64(time.Second))
	if c.counted == byKernel {
		o.Service.Program, o.Service.CountField, o.Service.CountFile, o.Service.Labels = "", "", "", nil
	}
	return o
}

// here returns the rate in the sandbox's time, which is bounded because this machine sends the requests too.
func (c serviceCase) here(factor float64) float64 { return min(c.rate*factor, 200) }

// load begins to send requests. The returned function ends that, and returns the receipt.
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

// read copies the evidence of the drains from a run's result.
func (r *ServiceResult) read(result rollout.Result) {
	r.DrainMS = allMS(between(result, rollout.StepDeregister, rollout.StepDrain))
	for _, i := range result.Instances {
		if drain, ok := stepOf(i, rollout.StepDrain); ok {
			r.Seen = append(r.Seen, drain.Detail)
		}
	}
}
