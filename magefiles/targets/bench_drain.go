package targets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// drainCase is what both processes meet side by side.
type drainCase struct {
	name string
	// lags are the load balancer's, as long as they are in AWS.
	lags sandbox.Lags
	// slow has the release take its time until it listens: a third of policy's
	// prove, which is 2 s at a tenth of the real times. Else it listens at once.
	slow bool
	// evidence changes the policy of the drain on evidence.
	evidence string
}

// drainCases are the lags that were measured in AWS and short ones. Behind the
// latter evidence ends a drain before the documented 60 s, so it may begin to
// look sooner: drain.min is as long as that lag.
func drainCases(factor float64) []drainCase {
	measured := sandbox.Lags{Register: 120 * time.Second, Deregister: 120 * time.Second}
	short := sandbox.Lags{Register: 10 * time.Second, Deregister: 10 * time.Second}
	return []drainCase{
		{name: "the service listens at once", lags: measured},
		{name: "the service takes its time to listen", lags: measured, slow: true},
		{name: "short lag", lags: short, evidence: fmt.Sprintf("drain.min=%s", time.Duration(float64(short.Deregister)/factor))},
	}
}

// drainArm is one of the two processes in a case.
type drainArm struct {
	drainCase
	process string
	changes string
}

func (c drainCase) arms() []drainArm {
	return []drainArm{{c, "fixed", "drain.fixed=true"}, {c, "evidence", c.evidence}}
}

// drainResult is what one arm did.
type drainResult struct {
	Case            string        `json:"case"`
	Process         string        `json:"process"`
	DeregisterLagMS float64       `json:"deregister_lag_ms"`
	RegisterLagMS   float64       `json:"register_lag_ms"`
	Policy          string        `json:"policy"`
	Traffic         probe.Receipt `json:"traffic"`
	// DrainMS and OutMS are each instance's: from deregistering to the end of the
	// drain, and to the end of the join.
	DrainMS []float64 `json:"drain_ms"`
	OutMS   []float64 `json:"out_of_rotation_ms"`
	// TotalMS is the whole run's time.
	TotalMS float64 `json:"total_ms"`

	drain, out, total time.Duration // the mean, the mean, the whole
}

// Drain compares the documented process with drain on evidence, side by side under the same load.
func (Bench) Drain(ctx context.Context,
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
	return benchDrain(ctx, drainCases(speed), speed, report)
}

func benchDrain(ctx context.Context, cases []drainCase, factor float64, report *string) error {
	document := newBenchReport("drain")
	var results []drainResult
	var missed []error
	for _, c := range cases {
		both, err := sideBySide(ctx, c.arms(), func(ctx context.Context, a drainArm) (drainResult, error) { return a.run(ctx, factor) })
		if err != nil {
			return err
		}
		printDrain(c, both)
		results = append(results, both...)
		if failed := both[1].Traffic.Failed; failed > 0 {
			missed = append(missed, fmt.Errorf("%s: %d requests failed in spite of evidence", c.name, failed))
		}
	}
	document.Results = results
	return errors.Join(document.write(report), oneLine(missed...))
}

func printDrain(c drainCase, both []drainResult) {
	printf("%s; new connections for %.3gs after deregistering, registering takes %.3gs\n",
		c.name, both[0].DeregisterLagMS/1000, both[0].RegisterLagMS/1000)
	for _, r := range both {
		printf("  %-8s  %s · drained in %.2fs · out of rotation %.2fs · run %.1fs\n",
			r.Process, r.Traffic, r.drain.Seconds(), r.out.Seconds(), r.total.Seconds())
	}
	fixed, evidence := both[0], both[1]
	printf("  evidence: %+.0f %% time to drain, %+.0f %% out of rotation, %+.0f %% in all\n",
		more(fixed.drain, evidence.drain), more(fixed.out, evidence.out), more(fixed.total, evidence.total))
}

// benchFactor is the factor of benches, a tenth of the real lags where none is
// given, and refuses flags that make no sense.
func benchFactor(factor *float64, report *string) (float64, error) {
	if err := errors.Join(atLeastOne("factor", factor), checkReport(report)); err != nil {
		return 0, usage("%v", err)
	}
	if factor == nil {
		return 10, nil
	}
	return *factor, nil
}

// more is by how many percent one time is longer than another.
func more(than, is time.Duration) float64 {
	if than == 0 {
		return 0
	}
	return 100 * (is.Seconds()/than.Seconds() - 1)
}

// run brings an environment up and rolls v2 out across it, under load.
func (a drainArm) run(ctx context.Context, factor float64) (result drainResult, err error) {
	o := growlSandbox()
	o.Factor, o.Lags = factor, a.lags
	env, err := sandbox.Start(ctx, o)
	if err != nil {
		return result, err
	}
	defer func() { err = closed(env, err) }()
	if a.slow {
		if err := env.Fault("slow-start"); err != nil {
			return result, err
		}
	}
	policy, err := changed(env.Policy(), a.changes)
	if err != nil {
		return result, err
	}
	load, err := probe.Start(ctx, probe.Options{URL: env.URL})
	if err != nil {
		return result, err
	}
	ran, err := benchDeploy(ctx, env.Env(), env.V2, policy)
	traffic := load.Stop()
	if err != nil {
		return result, err
	}
	return a.result(ran, traffic, factor), nil
}

func (a drainArm) result(ran benched, traffic probe.Receipt, factor float64) drainResult {
	drained := between(ran.Result, rollout.StepDeregister, rollout.StepDrain)
	out := between(ran.Result, rollout.StepDeregister, rollout.StepJoin)
	total := ran.Finished.Sub(ran.Started)
	scaled := func(d time.Duration) float64 { return ms(time.Duration(float64(d) / factor)) }
	return drainResult{
		Case: a.name, Process: a.process, Policy: ran.Policy, Traffic: traffic,
		DeregisterLagMS: scaled(a.lags.Deregister), RegisterLagMS: scaled(a.lags.Register),
		DrainMS: allMS(drained), OutMS: allMS(out), TotalMS: ms(total),
		drain: mean(drained), out: mean(out), total: total,
	}
}
