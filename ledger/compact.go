package ledger

import (
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// maxUnfinished bounds the runs that wait for being healed: each recovery that
// is killed leaves one more.
const maxUnfinished = 16

// compact bounds a journal, and loses nothing that recovery asks it for: which
// instances are taken out, since when, and whether they were on their way back.
//
// Of all preparing, which takes no instance out, the latest entry stays: it shows
// that the run began. Of each instance that was taken out the first entry stays:
// what it ran and where it was registered before. Of one in flight also the latest of each step and mark. Of one whose way
// through the run is over, only what says so: that it joined, and the last entry.
func compact(entries []rollout.Entry) []rollout.Entry {
	first, last := map[string]int{}, map[string]int{}
	latest := map[moment]int{}
	prepared := -1
	for i, e := range entries {
		if e.Step == rollout.StepPrepare {
			prepared = i
			continue
		}
		if _, seen := first[e.Instance]; !seen {
			first[e.Instance] = i
		}
		last[e.Instance] = i
		latest[momentOf(e)] = i
	}
	kept := make([]rollout.Entry, 0, len(entries))
	for i, e := range entries {
		if e.Step == rollout.StepPrepare {
			if i == prepared {
				kept = append(kept, e)
			}
			continue
		}
		over := entries[last[e.Instance]].Closes()
		joined := e.Step == rollout.StepJoin && e.Mark == rollout.Done
		switch {
		case i == first[e.Instance], i == last[e.Instance],
			i == latest[momentOf(e)] && (!over || joined):
			kept = append(kept, e)
		}
	}
	return kept
}

// moment is what happened to an instance, whenever it did.
type moment struct {
	instance string
	step     rollout.StepName
	mark     rollout.Mark
}

func momentOf(e rollout.Entry) moment { return moment{e.Instance, e.Step, e.Mark} }

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
