package rollout

import (
	"context"
	"slices"
	"time"
)

// registration is an instance's place in the load balancer's target groups, and what this run did to it.
type registration struct {
	balancer Balancer
	// targets are the registrations that the instance shall have when the run ends.
	targets []Target
	// before is the health of its targets when the run began, and of one that somebody registered before the instance's turn
	// when it was found. It is empty if the instance was in no group.
	before Health
	// absent are registrations that the instance did not have when the run began: the targets that were draining, in groups
	// in which it has no other, and the default port of each group for an instance that was in none. They are not registered,
	// because somebody took the instance out, unless the run is to.
	absent []Target
	// takenOut are targets that somebody else deregistered while the run went on. The run does not register them again.
	takenOut []Target
	// draining is set if a target that the run does not register was draining when it began: clients may still arrive there.
	draining bool

	// deregisteredAt is the time at which the last call of Deregister returned; zero: the run has not called it. A call
	// that failed counts too, because it may have been applied. In recovery it is the time at which the dead run's was found.
	deregisteredAt time.Time
	// registeredAt is the latest time at which the load balancer applied the last call of Register, which is later than
	// its return if it failed. It is also the time at which a target was found to be initial; zero: the instance was registered before the run.
	registeredAt time.Time
	// foundAt is the last time at which a target was found that somebody else had registered while the run went on.
	foundAt time.Time
	// shifted is set if a zone of it was under zonal shift when it was found to be healthy, so that no clients arrive there.
	shifted bool
	// clientsArrived is set if clients were seen to arrive since registeredAt and foundAt, through the instance's only target.
	clientsArrived bool
	// inDoubtSince is the time at which a call to the load balancer last failed; zero: the load balancer applied every
	// call, or the time in which it may still apply one is over.
	inDoubtSince time.Time
}

// newRegistration returns the present place of an instance. A target that is draining was deregistered by somebody else,
// because recovery has registered again what an earlier run had deregistered.
func newRegistration(b Balancer, instance string, health Health, groups []Timing) *registration {
	r := &registration{balancer: b}
	var draining []Target
	for _, h := range health.Of(instance) {
		if h.State == TargetDraining {
			draining = append(draining, h.Target)
			continue
		}
		r.before, r.targets = append(r.before, h), append(r.targets, h.Target)
		if h.State == TargetInitial {
			r.registeredAt = time.Now() // at the latest: the load balancer does not say when
		}
	}
	r.draining = len(draining) > 0
	for _, target := range draining {
		if !slices.ContainsFunc(r.targets, func(t Target) bool { return t.Group == target.Group }) {
			r.absent = append(r.absent, target)
		}
	}
	if len(r.before) > 0 || r.draining {
		return r
	}
	for _, g := range groups {
		r.absent = append(r.absent, Target{Group: g.Group, Instance: instance, Port: g.Port})
	}
	return r
}

// complete adds the absent registrations to those that the instance shall have.
func (r *registration) complete() { r.targets, r.absent = append(r.targets, r.absent...), nil }

// leftOut returns a sentence on why the absent registrations are not added; empty if there are none.
func (r *registration) leftOut() string {
	switch {
	case len(r.absent) == 0:
		return ""
	case r.draining:
		return "was deregistered from " + placesOf(r.absent) + " before this run, and not by a run: left out, -register registers it"
	default:
		return "is in no target group, and no run left it so: it is updated and stays out, -register registers it"
	}
}

// register registers targets of the instance, and deregister deregisters all of them. Both are acts. After an error of
// either, the load balancer may have applied the call, or may apply it later.
func (r *registration) register(ctx context.Context, targets []Target) error {
	if len(targets) == 0 {
		return nil
	}
	err := r.balancer.Register(ctx, targets)
	r.registeredAt, r.clientsArrived = time.Now(), false
	if err != nil {
		r.registeredAt = r.registeredAt.Add(doubtTime)
	}
	return r.noteDoubt(err)
}

func (r *registration) deregister(ctx context.Context) error {
	targets := slices.Concat(r.targets, r.takenOut)
	if len(targets) == 0 {
		r.deregisteredAt = time.Now()
		return nil
	}
	err := r.balancer.Deregister(ctx, targets)
	r.deregisteredAt = time.Now()
	return r.noteDoubt(err)
}

func (r *registration) noteDoubt(err error) error {
	if err != nil {
		r.inDoubtSince = time.Now()
	}
	return err
}

// wasHealthy reports whether the load balancer called the instance healthy, in every group, when the run began.
func (r *registration) wasHealthy() bool {
	for _, t := range r.before {
		if t.State != TargetHealthy {
			return false
		}
	}
	return len(r.before) > 0
}

// wasInitial reports whether the load balancer was still checking a target of the instance when the run began.
func (r *registration) wasInitial() bool { return slices.ContainsFunc(r.before, initial) }

// compare returns which of the instance's targets are not registered, and which are not healthy yet.
func (r *registration) compare(health Health) (missing []Target, unhealthy Health) {
	for _, target := range r.targets {
		h := health.State(target)
		if !h.State.Registered() {
			missing = append(missing, target)
		}
		if h.State != TargetHealthy {
			unhealthy = append(unhealthy, h)
		}
	}
	return missing, unhealthy
}

// incomplete reports whether the run leaves out targets of the instance, which somebody may register.
func (r *registration) incomplete() bool { return len(r.absent)+len(r.takenOut) > 0 }

// noteRegistered adds the targets that somebody else has registered since the last look to those that the instance shall
// have, and returns them. So the instance leaves them before its container is stopped, and returns to them.
func (r *registration) noteRegistered(health Health) (fresh []Target) {
	waits := r.deregisteredAt.IsZero()
	for _, h := range health {
		own, seen := slices.Contains(r.targets, h.Target), r.before.State(h.Target).State != ""
		if h.State == TargetDraining || own && (seen || !waits) {
			continue
		}
		fresh = append(fresh, h.Target)
		if !seen && waits {
			r.before = append(r.before, h)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	others := func(targets []Target) []Target {
		return slices.DeleteFunc(slices.Clone(targets), func(t Target) bool { return slices.Contains(fresh, t) })
	}
	r.targets, r.takenOut, r.absent = append(others(r.targets), fresh...), others(r.takenOut), others(r.absent)
	r.foundAt, r.clientsArrived = time.Now(), false
	return fresh
}

// noteTakenOut moves the targets that somebody else has deregistered since the last look to those that are not registered
// again, and returns them. A target that this run is yet to register, or registered a moment ago, or that a call of it
// which failed may still deregister, is no such target.
func (r *registration) noteTakenOut(health Health) (fresh []Target) {
	if !r.inDoubtSince.IsZero() || time.Since(r.registeredAt) < doubtTime {
		return nil
	}
	for _, target := range deregistered(r.targets, health) {
		if !r.deregisteredAt.IsZero() || r.before.State(target).State != "" {
			fresh = append(fresh, target)
		}
	}
	r.takenOut = append(r.takenOut, fresh...)
	r.targets = slices.DeleteFunc(slices.Clone(r.targets), func(t Target) bool { return slices.Contains(fresh, t) })
	return fresh
}

// stillTakenOut returns the targets that somebody else deregistered and has not registered again.
func (r *registration) stillTakenOut(health Health) []Target { return deregistered(r.takenOut, health) }

// deregistered returns those of the targets that are draining or in no group. One that is unused is still registered.
func deregistered(targets []Target, health Health) (out []Target) {
	for _, target := range targets {
		if state := health.State(target).State; state == TargetDraining || state == "" {
			out = append(out, target)
		}
	}
	return out
}

// routedAt returns when the load balancer routes to the instance at the latest; zero if it does already. A target that
// is healthy may not receive traffic yet, and an instance that had too few clients before to see them arrive receives
// them when the routing lag is over. The documented process does not wait for that.
func (r *registration) routedAt(d Drain) time.Time {
	last := r.registeredAt
	if r.foundAt.After(last) {
		last = r.foundAt
	}
	if d.Fixed || r.clientsArrived || last.IsZero() {
		return time.Time{}
	}
	return last.Add(d.Lag)
}

// hand makes the place the one of an instance that replaces the first and was registered while it was made, also where
// the first was not.
func (r *registration) hand(to Instance) {
	r.registeredAt, r.clientsArrived = time.Now(), false
	r.targets = slices.Clone(r.targets)
	r.complete()
	for i := range r.targets {
		r.targets[i].Instance = to.ID
	}
}
