package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// floor is how many healthy targets a group keeps while a batch is out:
// registered − batch, at least one, unless the service may be down.
func (r *run) floor(registered int) int {
	least := 1
	if r.Policy.Downtime {
		least = 0
	}
	return max(least, registered-r.Policy.Batch.Of(len(r.Instances)))
}

// possible refuses a fleet whose capacity rule no amount of waiting can meet.
func (r *run) possible(health Health) error {
	var faults []error
	for _, t := range r.timing {
		registered := instancesIn(health, t.Group, func(h TargetHealth) bool { return h.State.Registered() })
		r.floors[t.Group] = r.floor(len(registered))
		if p := r.alone(health, t.Group); p != nil && !r.Policy.Downtime {
			faults = append(faults, fmt.Errorf("%s alone serves target group %s, so updating it takes the service down: add an instance, or allow it with -allowDowntime (policy downtime=true)", p.instance.ID, t.Group))
		}
	}
	for _, h := range health {
		if h.Reason == "Target.NotInUse" {
			faults = append(faults, fmt.Errorf("target %s:%d in %s is %s: attach the group to a listener whose load balancer covers the instance's zone", h.Instance, h.Port, h.Group, h))
		}
	}
	if len(faults) == 0 {
		faults = append(faults, r.stuck(health))
	}
	return errors.Join(faults...)
}

// stuck tells which batch could not leave even if every other target were healthy.
func (r *run) stuck(health Health) error {
	for _, batch := range r.batches() {
		lack := r.lack(r.atBest(health, batch), batch, time.Now().Add(r.Policy.Drain.Lag))
		switch {
		case lack != nil && len(batch) > 1:
			return fmt.Errorf("%v can never leave together: %w: choose a smaller batch", ids(batch), lack)
		case lack != nil:
			return fmt.Errorf("%s can never leave: %w", batch[0].instance.ID, lack)
		}
	}
	return nil
}

// atBest is the health that waiting could bring: whatever is registered, or will
// be, is healthy. The batch's own targets are as they are.
func (r *run) atBest(health Health, batch []*passage) Health {
	out := ids(batch)
	best := slices.Clone(health)
	for i, h := range best {
		if h.State.Registered() && !slices.Contains(out, h.Instance) {
			best[i].State = TargetHealthy
		}
	}
	for _, p := range r.passages {
		if p.err != nil || slices.Contains(batch, p) {
			continue
		}
		for _, target := range p.targets {
			best = append(best, TargetHealth{Target: target, State: TargetHealthy})
		}
	}
	return best
}

// alone returns the pending instance that serves a group which nobody else is
// in, or will be in by the end of the run.
func (r *run) alone(health Health, group string) *passage {
	var members []string
	for _, h := range health {
		if h.Group == group && h.State.Registered() {
			members = append(members, h.Instance)
		}
	}
	for _, p := range r.passages {
		if p.in(group) && p.err == nil {
			members = append(members, p.instance.ID)
		}
	}
	for _, p := range r.pending() {
		other := func(id string) bool { return id != p.instance.ID }
		if p.in(group) && (p.served() || p.coming()) && !slices.ContainsFunc(members, other) {
			return p
		}
	}
	return nil
}

// reserve waits until the rest of the fleet can carry the traffic without the
// whole batch, so that two instances of one batch never count on each other.
func (r *run) reserve(ctx context.Context, batch []*passage) error {
	limited, cancel := context.WithTimeout(ctx, r.Policy.Health)
	defer cancel()
	var lack error
	for look := r.watch.soon; ; look = r.watch.whole {
		began := time.Now()
		health, err := look(limited)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case limited.Err() != nil:
			return &lackError{fmt.Errorf("wait %s for capacity to take %v out: %w", r.Policy.Health, ids(batch), lack)}
		case err != nil:
			lack = err
			continue
		}
		r.unknown.find(health, r.report)
		r.tend(ctx, health)
		if err := r.dispel(ctx, began); err != nil {
			return err
		}
		lack = r.lack(health, batch, time.Now())
		if lack == nil && !r.inDoubt() {
			return nil
		}
		if lack == nil {
			lack = errors.New("a call to the load balancer failed and may still be applied")
		}
		r.report.emit(Event{Kind: StepMoved, Detail: "waiting for capacity: " + lack.Error()})
		if soon := r.routing(batch); r.lack(health, batch, time.Now().Add(soon)) == nil {
			_ = sleep(limited, soon) // until then no look would tell more
		}
	}
}

// lackError is a batch for which there was no capacity in time.
type lackError struct{ error }

func (e *lackError) Unwrap() error { return e.error }

// routing is how long it takes at most until the load balancer routes to all that
// this run registered, beside the batch.
func (r *run) routing(batch []*passage) time.Duration {
	out, left := ids(batch), time.Duration(0)
	for _, p := range r.passages {
		if !slices.Contains(out, p.instance.ID) {
			left = max(left, time.Until(p.routed()))
		}
	}
	return left
}

// routed is when the load balancer routes to the instance at the latest, zero where
// it does already: healthy says nothing about traffic arriving, and what got too few
// connections before to show it gets them when the routing lag is over. The
// documented process does not ask.
func (p *passage) routed() time.Time {
	if p.run.Policy.Drain.Fixed || p.arrives || p.entered.IsZero() {
		return time.Time{}
	}
	return p.entered.Add(p.run.Policy.Drain.Lag)
}

// lack says why the batch may not leave at that time; nil when it may.
func (r *run) lack(health Health, batch []*passage, at time.Time) error {
	for _, t := range r.timing {
		if err := r.lackIn(t, health, batch, at); err != nil {
			return err
		}
	}
	return nil
}

// lackIn is lack in one group. One that the load balancer does not call healthy
// costs no capacity, unless it is about to.
func (r *run) lackIn(t Timing, health Health, batch []*passage, at time.Time) error {
	stays, comes := instancesIn(health, t.Group, healthy), instancesIn(health, t.Group, initial)
	leaves := slices.DeleteFunc(slices.Clone(batch), func(p *passage) bool { return !stays[p.instance.ID] && !comes[p.instance.ID] })
	if len(leaves) == 0 {
		return nil
	}
	for _, p := range leaves {
		delete(stays, p.instance.ID)
	}
	early := r.unrouted(stays, at)
	for _, id := range early {
		delete(stays, id)
	}
	if have, want := len(stays), r.floors[t.Group]; have < want {
		return fmt.Errorf("target group %s would keep %d healthy targets%s, the floor is %d", t.Group, have, without(early), want)
	}
	if t.CrossZone || r.Policy.Downtime || r.Policy.ZoneLoss {
		return nil
	}
	zones := r.zonesOf(stays)
	for _, p := range leaves {
		if !zones[p.instance.Zone] {
			return fmt.Errorf("%s is the last healthy target of zone %s in target group %s: turn load_balancing.cross_zone.enabled on, add an instance there, or allow it with -allowZoneLoss (policy zoneloss=true)", p.instance.ID, p.instance.Zone, t.Group)
		}
	}
	return nil
}

// unrouted are those of the instances that the load balancer may not route to by then.
func (r *run) unrouted(instances map[string]bool, at time.Time) (early []string) {
	for _, p := range r.passages {
		if instances[p.instance.ID] && p.routed().After(at) {
			early = append(early, p.instance.ID)
		}
	}
	return early
}

// without words who is not counted.
func without(early []string) string {
	if len(early) == 0 {
		return ""
	}
	return fmt.Sprintf(" without %v, which may get no traffic yet", early)
}

// zonesOf are the zones that these instances are in; of one that is not of the
// fleet it is not known.
func (r *run) zonesOf(instances map[string]bool) map[string]bool {
	zones := map[string]bool{}
	for _, i := range r.Instances {
		if instances[i.ID] {
			zones[i.Zone] = true
		}
	}
	return zones
}

func healthy(h TargetHealth) bool { return h.State == TargetHealthy }
func initial(h TargetHealth) bool { return h.State == TargetInitial }

// instancesIn are the instances with targets in a group that are so.
func instancesIn(health Health, group string, so func(TargetHealth) bool) map[string]bool {
	instances := make(map[string]bool, len(health))
	for _, h := range health {
		if h.Group == group && so(h) {
			instances[h.Instance] = true
		}
	}
	return instances
}

// in reports whether the instance is, or shall be, in the group.
func (p *passage) in(group string) bool {
	return slices.ContainsFunc(p.targets, func(t Target) bool { return t.Group == group })
}
