package rollout

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// capacity is the rule by which instances may leave the load balancer. Its answers depend on its fields and arguments
// only: it calls nothing and holds no clock.
//
// Its unit is the place: a port of an instance in a group, or a pair of ports, of which one serves at a time. A place is
// named by a target, that of the pair's first port, and counts once if any of its targets is healthy and receives traffic.
type capacity struct {
	policy  Policy
	fleet   []Instance
	groups  []Timing
	pairs   map[int]int            // the first port of a pair by the second; a port that is not in it is a place of its own
	atFirst map[string]groupPlaces // by group
}

// groupPlaces counts the places that were registered in a group when the run began.
type groupPlaces struct {
	all        int
	byInstance map[string]int
	batch      int // how many of them a batch takes at least: those of the instances that have the fewest
}

// member holds the facts about an instance of the run that the rule depends on.
type member struct {
	Instance
	targets []Target
	// serves is set if the load balancer called it healthy when the run began, or was still checking it.
	serves bool
	// waiting is set if it is still to be updated, stays if it cannot be.
	waiting, stays bool
	// routedAt is the latest time at which the load balancer begins to route to it; zero: it does already.
	routedAt time.Time
}

// in reports whether the instance belongs to the group.
func (m member) in(group string) bool {
	return slices.ContainsFunc(m.targets, func(t Target) bool { return t.Group == group })
}

// newCapacity returns the rule for a fleet with this health.
func newCapacity(policy Policy, fleet []Instance, groups []Timing, pairs map[int]int, health Health) capacity {
	c := capacity{policy, fleet, groups, pairs, map[string]groupPlaces{}}
	for _, g := range groups {
		places := groupPlaces{byInstance: map[string]int{}}
		for place := range c.places(health, g.Group, func(h TargetHealth) bool { return h.State.Registered() }) {
			places.all++
			places.byInstance[place.Instance]++
		}
		counts := slices.Sorted(maps.Values(places.byInstance))
		for _, n := range counts[:min(len(counts), policy.Batch.Of(len(fleet)))] {
			places.batch += n
		}
		c.atFirst[g.Group] = places
	}
	return c
}

// places returns the places in the group with a target for which so returns true.
func (c capacity) places(health Health, group string, so func(TargetHealth) bool) map[Target]bool {
	places := map[Target]bool{}
	for _, h := range health {
		if h.Group != group || !so(h) {
			continue
		}
		place := h.Target
		if first, second := c.pairs[place.Port]; second {
			place.Port = first
		}
		places[place] = true
	}
	return places
}

// floor returns how many places of the group have to carry traffic while the batch is out: as many as were registered when
// the run began, without those that a batch takes, and at least one unless the policy allows downtime.
func (c capacity) floor(group string, batch []member) int {
	places, takes := c.atFirst[group], 0
	for _, m := range batch {
		takes += places.byInstance[m.ID]
	}
	least := 1
	if c.policy.Downtime {
		least = 0
	}
	return max(least, places.all-max(takes, places.batch))
}

// refuse returns an error if no amount of waiting can meet the rule for these batches. now is the present time.
func (c capacity) refuse(health Health, members []member, batches [][]member, now time.Time) error {
	var faults []error
	for _, g := range c.groups {
		if m := alone(health, members, g.Group); m != nil && !c.policy.Downtime {
			faults = append(faults, fmt.Errorf("%s alone serves target group %s, so updating it takes the service down: add an instance, or allow it with -allowDowntime (policy downtime=true)", m.ID, g.Group))
		}
	}
	for _, h := range health {
		if h.Reason == "Target.NotInUse" {
			faults = append(faults, fmt.Errorf("target %s:%d in %s is %s: attach the group to a listener whose load balancer covers the instance's zone", h.Instance, h.Port, h.Group, h))
		}
	}
	if len(faults) == 0 {
		faults = append(faults, c.refuseStuck(health, members, batches, now.Add(c.policy.Drain.Lag)))
	}
	return errors.Join(faults...)
}

// refuseStuck returns an error if a batch could not leave even if every other target were healthy and routed.
func (c capacity) refuseStuck(health Health, members []member, batches [][]member, routed time.Time) error {
	for _, batch := range batches {
		shortfall := c.shortfall(atBest(health, members, batch), members, batch, routed)
		switch {
		case shortfall != nil && len(batch) > 1:
			return fmt.Errorf("%v can never leave together: %w: choose a smaller batch", memberIDs(batch), shortfall)
		case shortfall != nil:
			return fmt.Errorf("%s can never leave: %w", batch[0].ID, shortfall)
		}
	}
	return nil
}

// shortfall returns why the batch may not leave at that time, and nil if it may.
func (c capacity) shortfall(health Health, members, batch []member, at time.Time) error {
	for _, g := range c.groups {
		if err := c.shortfallIn(g, health, members, batch, at); err != nil {
			return err
		}
	}
	return nil
}

// shortfallIn is shortfall in one group. An instance that is not healthy costs no capacity, unless it may serve
// nevertheless: the load balancer is still checking it, or has no result of its checks.
func (c capacity) shortfallIn(g Timing, health Health, members, batch []member, at time.Time) error {
	costs := instancesOf(c.places(health, g.Group, func(h TargetHealth) bool { return !h.Shifted && (healthy(h) || initial(h) || unavailable(h)) }))
	leaves := slices.DeleteFunc(slices.Clone(batch), func(m member) bool { return !costs[m.ID] })
	if len(leaves) == 0 {
		return nil
	}
	stays := c.places(health, g.Group, healthy)
	without := func(ids []string) {
		maps.DeleteFunc(stays, func(p Target, _ bool) bool { return slices.Contains(ids, p.Instance) })
	}
	without(memberIDs(leaves))
	away, early := shiftedAway(health, g.Group, stays), unrouted(instancesOf(stays), members, at)
	without(away)
	without(early)
	if have, want := len(stays), c.floor(g.Group, batch); have < want {
		return fmt.Errorf("target group %s would keep %d healthy targets%s%s, the floor is %d", g.Group, have,
			excluding(early, "which may get no traffic yet"), excluding(away, "whose zone is under zonal shift"), want)
	}
	if g.CrossZone || c.policy.Downtime || c.policy.ZoneLoss {
		return nil
	}
	zones := c.zonesOf(instancesOf(stays))
	for _, m := range leaves {
		if !zones[m.Zone] {
			return fmt.Errorf("%s is the last healthy target of zone %s in target group %s: turn load_balancing.cross_zone.enabled on, add an instance there, or allow it with -allowZoneLoss (policy zoneloss=true)", m.ID, m.Zone, g.Group)
		}
	}
	return nil
}

// zonesOf returns the zones of these instances. The zone of an instance that is not in the fleet is not known.
func (c capacity) zonesOf(instances map[string]bool) map[string]bool {
	zones := map[string]bool{}
	for _, i := range c.fleet {
		if instances[i.ID] {
			zones[i.Zone] = true
		}
	}
	return zones
}

// alone returns the waiting instance that serves a group in which there is no other instance, and will be none by the
// end of the run. It returns nil if there is no such instance.
func alone(health Health, members []member, group string) *member {
	var inGroup []string
	for _, h := range health {
		if h.Group == group && h.State.Registered() {
			inGroup = append(inGroup, h.Instance)
		}
	}
	for _, m := range members {
		if m.in(group) && !m.stays {
			inGroup = append(inGroup, m.ID)
		}
	}
	for _, m := range members {
		other := func(id string) bool { return id != m.ID }
		if m.waiting && m.in(group) && m.serves && !slices.ContainsFunc(inGroup, other) {
			return &m
		}
	}
	return nil
}

// atBest returns the best health that waiting could bring: whatever is registered, or will be, is healthy. The targets
// of the batch keep their health.
func atBest(health Health, members, batch []member) Health {
	leaving := memberIDs(batch)
	best := slices.Clone(health)
	for i, h := range best {
		if h.State.Registered() && !slices.Contains(leaving, h.Instance) {
			best[i].State = TargetHealthy
		}
	}
	for _, m := range members {
		if m.stays || slices.Contains(leaving, m.ID) {
			continue
		}
		for _, target := range m.targets {
			best = append(best, TargetHealth{Target: target, State: TargetHealthy, Shifted: health.State(target).Shifted})
		}
	}
	return best
}

// shiftedAway returns the instances of places in the group whose zone is under zonal shift.
func shiftedAway(health Health, group string, places map[Target]bool) (away []string) {
	instances := instancesOf(places)
	for _, h := range health {
		if h.Group == group && h.Shifted && instances[h.Instance] && !slices.Contains(away, h.Instance) {
			away = append(away, h.Instance)
		}
	}
	return away
}

// instancesOf returns the instances that have one of the places.
func instancesOf(places map[Target]bool) map[string]bool {
	instances := make(map[string]bool, len(places))
	for place := range places {
		instances[place.Instance] = true
	}
	return instances
}

// unrouted returns those of the instances to which the load balancer may not route by then.
func unrouted(instances map[string]bool, members []member, at time.Time) (early []string) {
	for _, m := range members {
		if instances[m.ID] && m.routedAt.After(at) {
			early = append(early, m.ID)
		}
	}
	return early
}

// excluding returns the part of a sentence that names the instances which are not counted, and why.
func excluding(ids []string, why string) string {
	if len(ids) == 0 {
		return ""
	}
	return fmt.Sprintf(" without %v, %s", ids, why)
}

func memberIDs(members []member) []string {
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.ID
	}
	return ids
}
