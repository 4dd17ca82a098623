package rollout

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// workable refuses a policy that the live target groups make impossible, with the
// numbers, before anything is touched.
func (p Policy) workable(groups []Timing) error {
	var faults []error
	for _, t := range groups {
		if need := p.Drain.Lag + t.checks(); p.Health < need {
			faults = append(faults, fmt.Errorf("health=%s cannot work in target group %s: routing to a registered target takes up to %s and %d checks at %s %s, %s together",
				p.Health, t.Group, p.Drain.Lag, t.HealthyThreshold, t.Interval, t.checks(), need))
		}
		if t.Terminates && p.Drain.Max > t.Delay && !p.Drain.Fixed {
			faults = append(faults, fmt.Errorf("drain.max=%s cannot work in target group %s: it cuts connections at the end of its deregistration delay of %s",
				p.Drain.Max, t.Group, t.Delay))
		}
	}
	return errors.Join(faults...)
}

// checks is how long a target that answers well takes to be called healthy.
func (t Timing) checks() time.Duration {
	return t.Interval * time.Duration(t.HealthyThreshold)
}

// ETA estimates how long updating n instances takes where nothing goes wrong: per
// batch the routing lag twice, the checks, and the pause.
func (p Policy) eta(n, fleet int, groups []Timing) time.Duration {
	if n == 0 {
		return 0
	}
	var checks time.Duration
	for _, t := range groups {
		checks = max(checks, t.checks())
	}
	drain := max(p.Drain.Min, p.Drain.Lag)
	if p.Drain.Fixed {
		drain = p.Drain.Min
	}
	canaries := min(p.Canary, n)
	size := p.Batch.Of(fleet)
	batches := (n - canaries + size - 1) / size
	if canaries > 0 {
		batches++
	}
	each := drain + max(p.Drain.Lag, checks)
	return time.Duration(batches)*each + time.Duration(batches-1)*max(p.Pause, p.Bake)
}

// newcomers names instances that are registered in the fleet's groups but are
// not in the fleet: they may run other code.
func (r *run) newcomers(health Health) {
	for _, h := range health {
		known := func(i Instance) bool { return i.ID == h.Instance }
		if h.State.Registered() && !slices.ContainsFunc(r.Instances, known) {
			r.remark(fmt.Sprintf("%s is registered in %s but not in the fleet: it may run other code", h.Instance, h.Group))
		}
	}
}
