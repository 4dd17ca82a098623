package rollout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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
		if name, longest := p.Drain.longest(); t.Terminates && longest > t.Delay {
			faults = append(faults, fmt.Errorf("%s=%s cannot work in target group %s: it cuts connections at the end of its deregistration delay of %s",
				name, longest, t.Group, t.Delay))
		}
	}
	return errors.Join(faults...)
}

// longest is how long a drain may take, and what says so.
func (d Drain) longest() (name string, most time.Duration) {
	if d.Fixed {
		return "drain.min", d.Min
	}
	return "drain.max", d.Max
}

// checks is how long a target that answers well takes to be called healthy.
func (t Timing) checks() time.Duration {
	return t.Interval * time.Duration(t.HealthyThreshold)
}

// newcomers names instances that are registered in the fleet's groups but are
// not in the fleet: they may run other code. It is asked when the run begins,
// before each batch, and at the end. It returns the targets that it had not named yet.
func (r *run) newcomers(health Health) (fresh Health) {
	r.mu.Lock()
	for _, h := range health {
		if h.State.Registered() && !r.members[h.Instance] {
			fresh = append(fresh, h)
		}
	}
	for _, h := range fresh {
		if !r.members[h.Instance] {
			r.joined = append(r.joined, h.Instance)
		}
		r.members[h.Instance] = true
	}
	r.mu.Unlock()
	slices.SortFunc(fresh, func(a, b TargetHealth) int { return a.Target.compare(b.Target) })
	for _, h := range fresh {
		r.remark(fmt.Sprintf("%s is registered in %s on port %d but not in the fleet: it may run other code", h.Instance, h.Group, h.Port))
	}
	return fresh
}

// refuseUnknown refuses a run that finds targets which are not in the fleet.
func (r *run) refuseUnknown(unknown Health) error {
	if !r.RefuseUnknown || len(unknown) == 0 {
		return nil
	}
	var names []string
	for _, h := range unknown {
		names = append(names, fmt.Sprintf("%s:%d in %s", h.Instance, h.Port, h.Group))
	}
	return fmt.Errorf("registered, but not in the fleet: %s: deregister it, add it to the fleet, or go on with -allowUnknownTargets", strings.Join(names, ", "))
}

// admit makes an instance one of the fleet.
func (r *run) admit(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[id] = true
}
