package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// DrainCase is the environment in which both processes of draining are compared.
type DrainCase struct {
	// Name describes the case to people.
	Name string
	// lags are the load balancer's lags in AWS's time.
	lags sandbox.Lags
	// slow makes the release listen only after a third of the policy's prove, which is 2 s at a tenth of the real times.
	// Otherwise it listens at once.
	slow bool
	// early lets the drain on evidence end before the documented 60 s, as soon as the load balancer's lag has passed.
	early bool
}

// DrainCases returns cases with the lags that were measured in AWS, and with short ones, for which evidence ends a
// drain early.
func DrainCases() []DrainCase {
	measured := sandbox.Lags{Register: 120 * time.Second, Deregister: 120 * time.Second}
	short := sandbox.Lags{Register: 10 * time.Second, Deregister: 10 * time.Second}
	return []DrainCase{
		{Name: "the service listens at once", lags: measured},
		{Name: "the service takes its time to listen", lags: measured, slow: true},
		{Name: "short lag", lags: short, early: true},
	}
}

// The two processes of draining.
const (
	processFixed    = "fixed"
	processEvidence = "evidence"
)

// drainArm is one of the two processes in a case.
type drainArm struct {
	DrainCase
	process string
}

// changes returns the changes that the process makes to the policy.
func (a drainArm) changes(factor float64) string {
	switch {
	case a.process == processFixed:
		return "drain.fixed=true"
	case a.early:
		return fmt.Sprintf("drain.min=%s", scaled(a.lags.Deregister, factor))
	default:
		return ""
	}
}

// DrainResult is the result of one process in one case. Times are in milliseconds.
type DrainResult struct {
	Case            string        `json:"case"`
	Process         string        `json:"process"`
	DeregisterLagMS float64       `json:"deregister_lag_ms"`
	RegisterLagMS   float64       `json:"register_lag_ms"`
	Policy          string        `json:"policy"`
	Traffic         probe.Receipt `json:"traffic"`
	// DrainMS and OutMS hold a time for each instance: from deregistering to the end of the drain, and to the end of
	// the join.
	DrainMS []float64 `json:"drain_ms"`
	OutMS   []float64 `json:"out_of_rotation_ms"`
	// TotalMS is the time of the whole run.
	TotalMS float64 `json:"total_ms"`

	drain, out, total time.Duration // drain and out are means
}

func (r DrainResult) String() string {
	return fmt.Sprintf("%-8s  %s · drained in %.2fs · out of rotation %.2fs · run %.1fs",
		r.Process, r.Traffic, r.drain.Seconds(), r.out.Seconds(), r.total.Seconds())
}

// Missed returns an error if a request failed although the drain waited for evidence. Failed requests of the documented
// process do not count.
func (r DrainResult) Missed() error {
	if r.Process == processEvidence && r.Traffic.Failed > 0 {
		return fmt.Errorf("%s: %d requests failed in spite of evidence", r.Case, r.Traffic.Failed)
	}
	return nil
}

// DrainPair holds the results of both processes in one case.
type DrainPair struct{ Fixed, Evidence DrainResult }

func (p DrainPair) String() string {
	return fmt.Sprintf("%s; new connections for %.3gs after deregistering, registering takes %.3gs\n  %s\n  %s\n"+
		"  evidence: %+.0f %% time to drain, %+.0f %% out of rotation, %+.0f %% in all",
		p.Fixed.Case, p.Fixed.DeregisterLagMS/1000, p.Fixed.RegisterLagMS/1000, p.Fixed, p.Evidence,
		more(p.Fixed.drain, p.Evidence.drain), more(p.Fixed.out, p.Evidence.out), more(p.Fixed.total, p.Evidence.total))
}

// more returns by how many percent one time is longer than another.
func more(than, is time.Duration) float64 {
	if than == 0 {
		return 0
	}
	return 100 * (is.Seconds()/than.Seconds() - 1)
}

// Drain rolls a release out twice, side by side and under the same load: with the documented process, and with drain on
// evidence.
func Drain(ctx context.Context, o Options, c DrainCase) (DrainPair, error) {
	o, err := o.withDefaults()
	if err != nil {
		return DrainPair{}, err
	}
	arms := []drainArm{{c, processFixed}, {c, processEvidence}}
	both, err := sideBySide(ctx, arms, func(ctx context.Context, a drainArm) (DrainResult, error) { return a.run(ctx, o) })
	if err != nil {
		return DrainPair{}, fmt.Errorf("%s: %w", c.Name, err)
	}
	return DrainPair{both[0], both[1]}, nil
}

// run starts an environment and rolls v2 out in it, under load.
func (a drainArm) run(ctx context.Context, o Options) (result DrainResult, err error) {
	o.Sandbox.Lags = a.lags
	env, err := sandbox.Start(ctx, o.Sandbox)
	if err != nil {
		return result, err
	}
	defer func() { err = closed(env, err) }()
	if a.slow {
		if err := env.Fault("slow-start"); err != nil {
			return result, err
		}
	}
	policy, err := changed(env.Policy(), a.changes(o.Sandbox.Factor))
	if err != nil {
		return result, err
	}
	load, err := probe.Start(ctx, probe.Options{URL: env.URL})
	if err != nil {
		return result, err
	}
	ran, err := o.deploy(ctx, env.Env(), env.V2, policy)
	traffic := load.Stop()
	if err != nil {
		return result, err
	}
	return a.result(ran, traffic, o.Sandbox.Factor), nil
}

func (a drainArm) result(ran run, traffic probe.Receipt, factor float64) DrainResult {
	drained := between(ran.Result, rollout.StepDeregister, rollout.StepDrain)
	out := between(ran.Result, rollout.StepDeregister, rollout.StepJoin)
	total := ran.Finished.Sub(ran.Started)
	return DrainResult{
		Case: a.Name, Process: a.process, Policy: ran.Policy, Traffic: traffic,
		DeregisterLagMS: ms(scaled(a.lags.Deregister, factor)), RegisterLagMS: ms(scaled(a.lags.Register, factor)),
		DrainMS: allMS(drained), OutMS: allMS(out), TotalMS: ms(total),
		drain: mean(drained), out: mean(out), total: total,
	}
}

// scaled converts a time in AWS to the sandbox's time.
func scaled(d time.Duration, factor float64) time.Duration { return time.Duration(float64(d) / factor) }
