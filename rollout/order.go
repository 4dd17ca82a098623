package rollout

import (
	"cmp"
	"slices"
)

// batches groups the pending instances: the canaries first, then the rest.
func (r *run) batches() [][]*passage {
	pending := r.order()
	canaries := min(r.Policy.Canary, len(pending))
	var batches [][]*passage
	if canaries > 0 {
		batches = append(batches, pending[:canaries])
	}
	return slices.AppendSeq(batches, slices.Chunk(pending[canaries:], r.Policy.Batch.Of(len(r.Instances))))
}

// order is the fleet's order, with zones alternating, so that one zone's
// capacity is not spent in a row. Instances that serve nobody come first: they
// cost no capacity and may bring some.
func (r *run) order() []*passage {
	pending := r.pending()
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

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
