package bench

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/sandbox"
)

// perClient is the number of requests per second of a keep-alive client.
const perClient = 10

// Load is the number of requests per second during a run.
type Load struct {
	// Rate is the number of all requests, at least 10 more than Fresh.
	Rate int
	// Fresh is the number of those that are each on a new connection, at least 1.
	Fresh int
}

// DefaultLoad returns the highest load that two cores can send while they also run the sandbox.
func DefaultLoad() Load { return Load{Rate: 5000, Fresh: 500} }

// Validate returns an error if no client could send the load.
func (l Load) Validate() error {
	if l.Fresh < 1 || l.Rate < l.Fresh+perClient {
		return fmt.Errorf("want at least 1 new connection a second, and %d requests more than those", perClient)
	}
	return nil
}

// LoadResult is the result of a run under load.
type LoadResult struct {
	Instances int `json:"instances"`
	// Rate is the intended number of requests per second, and Fresh the number of those on new connections.
	Rate    int           `json:"rate"`
	Fresh   int           `json:"new_connections"`
	Clients int           `json:"keep_alive_clients"`
	Seconds float64       `json:"seconds"`
	TotalMS float64       `json:"run_ms"`
	Policy  string        `json:"policy"`
	Traffic probe.Receipt `json:"traffic"`
}

// UnderLoad rolls a release out across ten instances under a load.
func UnderLoad(ctx context.Context, o Options, l Load) (result LoadResult, err error) {
	o, err = o.withDefaults()
	if err = cmp.Or(err, l.Validate()); err != nil {
		return result, err
	}
	result = LoadResult{Instances: 10, Rate: l.Rate, Fresh: l.Fresh, Clients: (l.Rate - l.Fresh) / perClient}
	err = result.run(ctx, o)
	return result, err
}

func (r *LoadResult) run(ctx context.Context, o Options) (err error) {
	o.Sandbox.Instances = r.Instances
	env, err := sandbox.Start(ctx, o.Sandbox)
	if err != nil {
		return err
	}
	defer func() { err = closed(env, err) }()
	// Two at a time. The limits are not scaled, because this machine's own work takes as long as ever.
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
	ran, err := o.deploy(ctx, env.Env(), env.V2, policy)
	r.Seconds = time.Since(began).Seconds()
	r.Traffic, r.Policy, r.TotalMS = load.Stop(), ran.Policy, ms(ran.Finished.Sub(ran.Started))
	return err
}

// sent returns the number of requests per second that were answered or failed.
func (r LoadResult) sent() float64 { return float64(r.Traffic.Requests) / r.Seconds }

func (r LoadResult) String() string {
	return fmt.Sprintf("%d instances in %.0fs · %.0f requests a second, %d of them on new connections · %s",
		r.Instances, r.TotalMS/1000, r.sent(), r.Fresh, r.Traffic)
}

// Missed returns an error if a request failed, or if less than 95 % of the load could be sent.
func (r LoadResult) Missed() error {
	switch {
	case r.Traffic.Failed > 0:
		return fmt.Errorf("%d of %d requests failed", r.Traffic.Failed, r.Traffic.Requests)
	case r.sent() < 0.95*float64(r.Rate):
		return fmt.Errorf("this machine sent %.0f requests a second, %d were asked for", r.sent(), r.Rate)
	}
	return nil
}
