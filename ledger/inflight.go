package ledger

import (
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// InFlight returns the IDs of the instances that runs left out of service, sorted.
func InFlight(runs []Run) []string {
	var out []string
	for id, e := range lastEntries(runs...) {
		if !e.Closes() {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// lastEntries returns the latest entry of each instance, without those of preparing, which takes no instance out.
func lastEntries(runs ...Run) map[string]rollout.Entry {
	last := map[string]rollout.Entry{}
	for _, run := range runs {
		for _, e := range run.Entries {
			if e.Step != rollout.StepPrepare {
				last[e.Instance] = e
			}
		}
	}
	return last
}
