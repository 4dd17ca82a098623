package bench

import (
	"cmp"
	"context"
	"errors"
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
	// serviceLag is the load balancer's routing lag, as in the policy, in AWS's time.
	serviceLag = 120 * time.Second
	// shortLag is a lag that is shorter than the policy's.
	shortLag = 50 * time.Second
	// maxServiceRate is the highest number of connections per second.
	maxServiceRate = 200
)

// serviceCase is a service that is rolled out.
type serviceCase struct {
	clients
	// counted is the side that counts the connections: the service or the kernel.
	counted string
	// lag is the time for which the load balancer routes to a deregistered target, in AWS's time; zero: serviceLag.
	lag time.Duration
	// instances is their number; zero: two.
	instances int
}

const (
	byService = "service"
	byKernel  = "kernel"
)

// serviceRounds returns the services in groups that are rolled out side by side.
func serviceRounds() [][]serviceCase {
	both := func(c clients) []serviceCase {
		return []serviceCase{{clients: c, counted: byService}, {clients: c, counted: byKernel}}
	}
	counted := func(c clients) serviceCase { return serviceCase{clients: c, counted: byService} }
	quick := func(name string, perInstance float64) serviceCase {
		return serviceCase{clients{name: name + " to each of three instances, which are routed to for 50 s", rate: 3 * perInstance}, byService, shortLag, 3}
	}
	return [][]serviceCase{
		slices.Concat(both(clients{name: "no connections"}), both(clients{name: "1 connection a minute", rate: 1.0 / 60}), []serviceCase{
			counted(clients{name: "two browsers that open six connections every 12 s", rate: 1.0 / 12, number: 12}),
			counted(clients{name: "a pool of 50 that reopens every 30 s", rate: 1.0 / 30, number: 50}),
			counted(clients{name: "clients that are on for 20 s and off for 20 s", rate: 5, on: 20 * time.Second}),
			counted(clients{name: "long-lived connections only", kept: 20}),
		}),
		slices.Concat(both(clients{name: "1 connection a second", rate: 1}), both(clients{name: "200 connections a second", rate: 200})),
		{quick("1 connection a second", 1), quick("2 connections a second", 2), quick("10 connections a second", 10)},
	}
}

// ServiceResult is the result of rolling one service out. Times are in milliseconds.
type ServiceResult struct {
	Clients string  `json:"clients"`
	Counted string  `json:"counted_by"`
	Pool    int     `json:"database_connections"`
	CheckMS float64 `json:"container_health_check_ms"`
	// LagMS is the load balancer's routing lag.
	LagMS   float64   `json:"routing_lag_ms"`
	DrainMS []float64 `json:"drain_ms"`
	// Seen is the evidence of each drain.
	Seen []string `json:"seen"`
	// Traffic is null if there was none.
	Traffic *probe.Receipt `json:"traffic"`
	// Unproven is set if silence is no evidence, so that no drain may end before the lag.
	Unproven bool `json:"silence_proves_nothing"`
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
		if r.Unproven && took < r.LagMS {
			return fmt.Errorf("%s, counted by the %s: drained in %.0f ms on silence that proves nothing, the routing lag is %.0f ms", r.Clients, r.Counted, took, r.LagMS)
		}
	}
	return nil
}

// Services rolls out services with no, few and many clients, with and without a count of their own, and with clients that
// come and go together.
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

// roll rolls one service out across its instances. Its containers keep a pool of connections to a database and check
// their own health each second.
func (c serviceCase) roll(ctx context.Context, o Options) (r ServiceResult, err error) {
	factor := o.Sandbox.Factor
	c.lag, c.instances = cmp.Or(c.lag, serviceLag), cmp.Or(c.instances, 2)
	env, err := sandbox.Start(ctx, c.sandbox(o.Sandbox))
	if err != nil {
		return r, err
	}
	defer func() { err = closed(env, err) }()
	r = ServiceResult{
		Clients: c.name, Counted: c.counted, Pool: servicePool, CheckMS: 1000, LagMS: ms(scaled(c.lag, factor)),
		Unproven: c.counted == byKernel || c.rate < 1 || c.on > 0,
	}
	// These limits are not scaled as the others are, because this machine's own work takes as long as ever.
	policy, err := changed(env.Policy(), fmt.Sprintf("prove=60s health=%s", max(2*time.Minute, scaled(5*time.Minute, factor))))
	if err != nil {
		return r, err
	}
	stop := c.send(ctx, env.URL, factor)
	ran, err := o.deploy(ctx, env.Env(), env.V2, policy)
	sent, unsent := stop()
	r.Traffic = sent
	r.read(ran.Result)
	return r, errors.Join(err, unsent)
}

// sandbox returns an environment of the service. For a service whose connections the kernel counts, it is a stand-in
// that does not count them itself.
func (c serviceCase) sandbox(o sandbox.Options) sandbox.Options {
	o.Instances, o.Lags = c.instances, sandbox.Lags{Register: serviceLag, Deregister: c.lag}
	o.Service.Pool, o.Service.HealthCheck = servicePool, time.Duration(o.Factor*float64(time.Second))
	if c.counted == byKernel {
		o.Service.Program, o.Service.CountField, o.Service.CountFile, o.Service.Labels = "", "", "", nil
	}
	return o
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
