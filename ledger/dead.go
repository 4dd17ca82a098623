package ledger

import (
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// Dead is what runs that died left behind, as one journal.
func Dead(runs []Run) rollout.UnfinishedRun {
	var d rollout.UnfinishedRun
	for _, run := range runs {
		d.Run = run.RunID
		if run.Release.Image != "" {
			d.Release = run.Release
		}
		d.Entries = append(d.Entries, run.Entries...)
	}
	return d
}

// InFlight are the IDs of the instances that runs left out of service, sorted.
func InFlight(runs []Run) []string {
	var out []string
	for id, e := range lastEntries(runs...) {
		if e.Step != rollout.StepPrepare && !e.Closes() {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// lastEntries are the latest entries of each instance.
func lastEntries(runs ...Run) map[string]rollout.Entry {
	last := map[string]rollout.Entry{}
	for _, run := range runs {
		for _, e := range run.Entries {
			last[e.Instance] = e
		}
	}
	return last
}
