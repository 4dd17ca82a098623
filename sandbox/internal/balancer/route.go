package balancer

import (
	"math/rand/v2"
	"slices"
	"time"
)

// anyZone stands for the load balancer's DNS name, which resolves to any node.
const anyZone = ""

// pick chooses a target for a new connection to a zone's node. It returns nil if the node has no target.
func (b *Balancer) pick(g *group, zone string) *registration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	live := b.liveZones(now)
	switch {
	case zone == anyZone && len(live) > 0:
		zone = choose(b.random, live)
	case zone == anyZone:
		zone = choose(b.random, b.opts.Zones)
	case len(live) > 0 && !slices.Contains(live, zone):
		return nil
	}
	pool := g.pool(b.opts, zone, now)
	if len(pool) == 0 {
		return nil
	}
	return choose(b.random, pool)
}

// liveZones returns the zones whose nodes are in the DNS name: those with a healthy target in every group. One group
// without a healthy target thus removes a zone for all groups.
func (b *Balancer) liveZones(now time.Time) []string {
	var live []string
	for _, zone := range b.opts.Zones {
		empty := func(g *group) bool { return !slices.ContainsFunc(g.reach(b.opts, zone, now), up(now)) }
		if !slices.ContainsFunc(b.groups, empty) {
			live = append(live, zone)
		}
	}
	return live
}

// pool returns the targets from which a node chooses: its healthy ones, or all of them if none is healthy.
func (g *group) pool(lb Options, zone string, now time.Time) []*registration {
	reach := g.reach(lb, zone, now)
	if !slices.ContainsFunc(reach, up(now)) {
		return reach
	}
	return slices.DeleteFunc(reach, func(r *registration) bool { return !r.up(now) })
}

// reach returns the targets that the data plane has and that a zone's node may use.
func (g *group) reach(lb Options, zone string, now time.Time) []*registration {
	everywhere := g.crossZone(lb)
	var reach []*registration
	for _, r := range g.targets {
		if r.routed(now) && (everywhere || r.instance.zone == zone) {
			reach = append(reach, r)
		}
	}
	return reach
}

// crossZone reports whether the group's nodes use the targets of all zones.
func (g *group) crossZone(lb Options) bool {
	if v := g.attrs[AttrCrossZone]; v != crossZoneFromBalancer {
		return v == "true"
	}
	return !lb.CrossZoneOff
}

func up(now time.Time) func(*registration) bool {
	return func(r *registration) bool { return r.up(now) }
}

func choose[T any](random *rand.Rand, from []T) T {
	return from[random.IntN(len(from))]
}
