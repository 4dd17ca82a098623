package balancer

import (
	"math/rand/v2"
	"slices"
	"time"
)

// anyZone stands for the load balancer's DNS name, which leads to any node.
const anyZone = ""

// pick chooses a target for a new connection to a zone's node, or nil where the
// node has none: then it refuses.
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
	pool := b.pool(g, zone, now)
	if len(pool) == 0 {
		return nil
	}
	return choose(b.random, pool)
}

// liveZones are the zones in the DNS name: those with a healthy target in every
// group, so one bad group takes a zone away from all.
func (b *Balancer) liveZones(now time.Time) []string {
	var live []string
	for _, zone := range b.opts.Zones {
		empty := func(g *group) bool { return !slices.ContainsFunc(b.reach(g, zone, now), up(now)) }
		if !slices.ContainsFunc(b.groups, empty) {
			live = append(live, zone)
		}
	}
	return live
}

// pool is what a node chooses from: its healthy targets, or all when none is.
func (b *Balancer) pool(g *group, zone string, now time.Time) []*registration {
	reach := b.reach(g, zone, now)
	if !slices.ContainsFunc(reach, up(now)) {
		return reach
	}
	return slices.DeleteFunc(reach, func(r *registration) bool { return !r.up(now) })
}

// reach are the targets that the data plane knows and a zone's node may use.
func (b *Balancer) reach(g *group, zone string, now time.Time) []*registration {
	everywhere := b.crossZone(g)
	var reach []*registration
	for _, r := range g.targets {
		if r.routed(now) && (everywhere || r.instance.zone == zone) {
			reach = append(reach, r)
		}
	}
	return reach
}

func (b *Balancer) crossZone(g *group) bool {
	if v := g.attrs[AttrCrossZone]; v != crossZoneFromBalancer {
		return v == "true"
	}
	return !b.opts.CrossZoneOff
}

func up(now time.Time) func(*registration) bool {
	return func(r *registration) bool { return r.up(now) }
}

func choose[T any](random *rand.Rand, from []T) T {
	return from[random.IntN(len(from))]
}
