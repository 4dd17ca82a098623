package targets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/sandbox"
)

// perClient is how many requests a keep-alive client sends a second.
const perClient = 10

// loadResult is a run under load.
type loadResult struct {
	Instances int `json:"instances"`
	// Rate is how many requests were to be sent a second, Fresh how many of them
	// each on a new connection.
	Rate    int           `json:"rate"`
	Fresh   int           `json:"new_connections"`
	Clients int           `json:"keep_alive_clients"`
	Seconds float64       `json:"seconds"`
	TotalMS float64       `json:"run_ms"`
	Policy  string        `json:"policy"`
	Traffic probe.Receipt `json:"traffic"`
}

// Load rolls a release out across ten instances under thousands of requests a second, and counts those that fail.
func (Bench) Load(ctx context.Context,
	// requests a second; default 5000
	rate *int,
	// how many of them each on a new connection; default 500
	fresh *int,
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
	result := loadResult{Instances: 10, Rate: 5000, Fresh: 500}
	if rate != nil {
		result.Rate = *rate
	}
	if fresh != nil {
		result.Fresh = *fresh
	}
	if result.Fresh < 1 || result.Rate < result.Fresh+perClient {
		return usage("-rate=%d -fresh=%d: want at least 1 new connection a second, and %d requests more than those", result.Rate, result.Fresh, perClient)
	}
	result.Clients = (result.Rate - result.Fresh) / perClient
	ctx, stop := untilSignal(ctx)
	defer stop()
	document := newBenchReport("load")
	if err := result.run(ctx, speed); err != nil {
		return err
	}
	printf("%s\n", result)
	document.Results = []loadResult{result}
	return errors.Join(document.write(report), result.missed())
}

func (r *loadResult) run(ctx context.Context, factor float64) (err error) {
	o := growlSandbox()
	o.Instances, o.Factor = r.Instances, factor
	env, err := sandbox.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = closed(env, err) }()
	// Two at a time; what machines need for their own work does not go by faster.
	policy, err := changed(env.Policy(), "batch=2 prove=60s health=120s")
	if err != nil {
		return err
	}
	load, err := probe.Start(ctx, probe.Options{
		URL: env.URL, Rate: float64(r.Fresh), KeepAlive: r.Clients, Interval: time.Second / perClient,
		Timeout: 30 * time.Second, // this machine may pause, with the instances in it
	})
	if err != nil {
		return err
	}
	began := time.Now()
	ran, err := benchDeploy(ctx, env.Env(), env.V2, policy)
	r.Seconds = time.Since(began).Seconds()
	r.Traffic, r.Policy, r.TotalMS = load.Stop(), ran.Policy, ms(ran.Finished.Sub(ran.Started))
	return err
}

// sent is how many requests were answered or failed a second.
func (r loadResult) sent() float64 { return float64(r.Traffic.Requests) / r.Seconds }

func (r loadResult) String() string {
	return fmt.Sprintf("%d instances in %.0fs · %.0f requests a second, %d of them on new connections · %s",
		r.Instances, r.TotalMS/1000, r.sent(), r.Fresh, r.Traffic)
}

// missed says what the run did not reach.
func (r loadResult) missed() error {
	switch {
	case r.Traffic.Failed > 0:
		return fmt.Errorf("%d of %d requests failed", r.Traffic.Failed, r.Traffic.Requests)
	case r.sent() < 0.95*float64(r.Rate):
		return fmt.Errorf("this machine sent %.0f requests a second, %d were asked for", r.sent(), r.Rate)
	}
	return nil
}
