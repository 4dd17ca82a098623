package rollout

import (
	"cmp"
	"slices"
)

// batches groups the waiting instances: first the canaries, then the rest. No group is larger than a batch, because the
// capacity rule leaves room for one batch.
func (f *fleet) batches() []updates {
	ordered := order(f.updates.that(waiting))
	canaries := min(f.Policy.Canary, len(ordered))
	size := f.Policy.Batch.Of(len(f.Instances))
	return slices.AppendSeq(slices.Collect(slices.Chunk(ordered[:canaries], size)), slices.Chunk(ordered[canaries:], size))
}

// order sorts instances so that zones alternate, because the capacity of one zone is not to be spent in a row. Instances
// that serve nobody come first, because they cost no capacity and may bring some.
func order(us updates) updates {
	turn := map[*instanceUpdate]int{}
	seen := map[string]int{}
	for _, u := range us {
		turn[u] = seen[u.instance.Zone]
		seen[u.instance.Zone]++
	}
	slices.SortStableFunc(us, func(a, b *instanceUpdate) int {
		return cmp.Or(cmp.Compare(btoi(a.registration.wasHealthy()), btoi(b.registration.wasHealthy())), cmp.Compare(turn[a], turn[b]))
	})
	return us
}
