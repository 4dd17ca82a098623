package rollout

import (
	"errors"
	"fmt"
	"time"
)

// Policy holds the settings of a rollout. [DefaultPolicy] returns the documented
// process: one instance at a time, 60 s of drain, 300 s for health, 5 s of pause.
type Policy struct {
	// Batch counts the instances that are out of service together. A percentage is
	// of the fleet and rounds down, to at least one.
	Batch Size
	// Drain decides when the traffic has left a deregistered instance.
	Drain Drain
	// Prove limits the time that the new container takes until it answers on the
	// instance itself with the commit it was built from.
	Prove time.Duration
	// Health limits the time that a registered instance takes until the load balancer
	// calls it healthy, in the join and in a restore.
	Health time.Duration
	// Traffic limits the time for which a run samples a healthy instance until a client
	// arrives there, if clients came often before it drained. Its end is a remark, not a
	// failure. Zero: the run does not sample.
	Traffic time.Duration
	// Canary counts the instances that are updated first, in batches of their own. One
	// that fails halts the run, whatever Failures tolerates. Zero: none.
	Canary int
	// Bake is the time for which the canaries serve before the rest follows, and every later
	// batch before the next one leaves. The run's guards are checked at its end.
	Bake time.Duration
	// Pause is the time between a batch in service and the next one leaving.
	Pause time.Duration
	// Failures counts the failed instances that are tolerated. One more halts the run.
	Failures int
	// Rollback takes updated instances back to what they ran before, if the run
	// halts.
	Rollback bool
	// Parallel limits how many instances prepare at once, because each pulls the image.
	Parallel int
	// Poll is the mean time between two calls for target health. Each call is
	// jittered by half of it.
	Poll time.Duration
	// Downtime allows taking the last healthy target of a group. Without it a
	// fleet of one is refused.
	Downtime bool
	// ZoneLoss allows taking the last healthy target of a zone in a group whose
	// traffic does not cross zones. Without it such a batch waits, then halts.
	ZoneLoss bool
}

// Drain decides when an instance that was deregistered is free of traffic. A load
// balancer goes on sending new connections to it for about Lag, so a fixed time
// is a guess, and connections counted on the instance are evidence. Evidence may
// always lengthen the drain. It shortens one only if the instance was watched for four
// times Quiet before and the service's own count showed clients nearly all the time,
// because silence otherwise proves nothing.
type Drain struct {
	// Min is the shortest time that a drain takes.
	Min time.Duration
	// Max is the longest time that a drain takes. After it the run goes on and reports
	// how many connections it cut.
	Max time.Duration
	// Quiet is the least length of a silence that ends a drain before Lag is over: no
	// connection is open, and none was opened. Samples are a tenth of it apart.
	Quiet time.Duration
	// Lag is the time for which the load balancer goes on routing new connections to a
	// deregistered target, and until it routes to a registered one: about 120 s
	// as measured in kubernetes-sigs/aws-load-balancer-controller#2366.
	Lag time.Duration
	// Fixed waits for Min and samples no traffic, as in the documented process.
	Fixed bool
}

// DefaultPolicy returns the documented process, with drain and join on evidence.
func DefaultPolicy() Policy {
	return Policy{
		Batch: Size{Count: 1},
		Drain: Drain{
			Min:   60 * time.Second,
			Max:   300 * time.Second,
			Quiet: 15 * time.Second,
			Lag:   120 * time.Second,
		},
		Prove:    60 * time.Second,
		Health:   300 * time.Second,
		Traffic:  120 * time.Second,
		Pause:    5 * time.Second,
		Failures: 1,
		Parallel: 10,
		Poll:     10 * time.Second,
	}
}

// Validate returns every fault of the policy at once.
func (p Policy) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	faults = append(faults, p.Batch.validate())
	fault(p.Drain.Min < 0, "drain.min=%s is negative", p.Drain.Min)
	fault(p.Drain.Quiet <= 0, "drain.quiet=%s must be positive", p.Drain.Quiet)
	fault(p.Drain.Lag < 0, "drain.lag=%s is negative", p.Drain.Lag)
	fault(p.Drain.Max < p.Drain.Min, "drain.max=%s is shorter than drain.min=%s", p.Drain.Max, p.Drain.Min)
	fault(!p.Drain.Fixed && p.Drain.Quiet > p.Drain.Max, "drain.quiet=%s is longer than drain.max=%s: no silence would end a drain", p.Drain.Quiet, p.Drain.Max)
	fault(!p.Drain.Fixed && p.Drain.Max < p.Drain.Lag, "drain.max=%s is shorter than drain.lag=%s: connections still arrive then", p.Drain.Max, p.Drain.Lag)
	fault(p.Prove <= 0, "prove=%s must be positive", p.Prove)
	fault(p.Health <= 0, "health=%s must be positive", p.Health)
	fault(p.Traffic < 0, "traffic=%s is negative", p.Traffic)
	fault(p.Canary < 0, "canary=%d is negative", p.Canary)
	fault(p.Bake < 0, "bake=%s is negative", p.Bake)
	fault(p.Pause < 0, "pause=%s is negative", p.Pause)
	fault(p.Failures < 0, "failures=%d is negative", p.Failures)
	fault(p.Parallel < 1, "parallel=%d must be at least 1", p.Parallel)
	fault(p.Poll <= 0, "poll=%s must be positive", p.Poll)
	fault(p.Poll > 0 && p.Health > 0 && p.Poll > p.Health, "poll=%s is longer than health=%s", p.Poll, p.Health)
	return errors.Join(faults...)
}
