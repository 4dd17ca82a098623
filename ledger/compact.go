package ledger

import (
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// maxUnfinished bounds the runs that wait for being healed: each recovery that
// is killed leaves one more.
const maxUnfinished = 16

// compact bounds a journal. Of an instance whose way through the run is over,
// the first entry (what it ran and where it was registered before) and the last
// (how it ended) are kept. Of others, the first and the latest of each step.
func compact(entries []rollout.Entry) []rollout.Entry {
	type row struct {
		instance string
		step     rollout.StepName
	}
	first, last := map[string]int{}, map[string]int{}
	latest := map[row]int{}
	for i, e := range entries {
		if _, seen := first[e.Instance]; !seen {
			first[e.Instance] = i
		}
		last[e.Instance] = i
		latest[row{e.Instance, e.Step}] = i
	}
	kept := make([]rollout.Entry, 0, len(entries))
	for i, e := range entries {
		over := isOver(entries[last[e.Instance]])
		ends := i == first[e.Instance] || i == last[e.Instance]
		if ends || !over && i == latest[row{e.Instance, e.Step}] {
			kept = append(kept, e)
		}
	}
	return kept
}

// isOver reports whether an instance's way through the run ends with this
// entry: settled, or everything undone up to its registration.
func isOver(e rollout.Entry) bool {
	switch e.Step {
	case rollout.StepSettle:
		return e.Mark == rollout.Done || e.Mark == rollout.Failed
	case rollout.StepDeregister:
		return e.Mark == rollout.Undone
	}
	return false
}

// merge bounds the number of unfinished runs. The oldest, which knows what was
// there before, keeps its name; the next two become one.
func merge(runs []Run) []Run {
	for len(runs) > maxUnfinished {
		merged := runs[2]
		merged.Entries = compact(slices.Concat(runs[1].Entries, runs[2].Entries))
		runs = slices.Concat(runs[:1], []Run{merged}, runs[3:])
	}
	return runs
}
