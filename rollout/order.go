package rollout

import (
	"cmp"
	"slices"
)

// batches groups the pending instances: the canaries first, then the rest. Neither
// are more than a batch at once: that is what the floor leaves room for.
func (r *run) batches() [][]*passage {
	pending := r.order(r.pending())
	canaries := min(r.Policy.Canary, len(pending))
	size := r.Policy.Batch.Of(len(r.Instances))
	return slices.AppendSeq(slices.Collect(slices.Chunk(pending[:canaries], size)), slices.Chunk(pending[canaries:], size))
}

// order is the fleet's order, with zones alternating, so that one zone's
// capacity is not spent in a row. Instances that serve nobody come first: they
// cost no capacity and may bring some.
func (r *run) order(pending []*passage) []*passage {
	turn := map[*passage]int{}
	seen := map[string]int{}
	for _, p := range pending {
		turn[p] = seen[p.instance.Zone]
		seen[p.instance.Zone]++
	}
	slices.SortStableFunc(pending, func(a, b *passage) int {
		return cmp.Or(cmp.Compare(btoi(a.served()), btoi(b.served())), cmp.Compare(turn[a], turn[b]))
	})
	return pending
}
