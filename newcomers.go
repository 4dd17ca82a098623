package deploy

import (
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// newcomers reads the fleet again after a run, and names each new instance that runs another release. Such an instance
// is not updated, because it may still be booting and was not prepared. The next deploy finds it in the fleet.
func (r *run) newcomers(result *rollout.Result) {
	now, err := r.operator.source.Fleet(r.ctx, r.operator.name)
	if err != nil {
		result.Remarks = append(result.Remarks, "the fleet could not be read again after the run: "+err.Error())
		return
	}
	for _, i := range now.Instances {
		if slices.ContainsFunc(r.config.Instances, func(k rollout.Instance) bool { return k.ID == i.ID }) {
			continue
		}
		runs, same := r.hosts.Runs(r.ctx, i, result.Release)
		if same {
			continue
		}
		if !slices.Contains(result.Newcomers, i.ID) {
			result.Newcomers = append(result.Newcomers, i.ID)
		}
		result.Remarks = append(result.Remarks, fmt.Sprintf("%s joined the fleet during the run and %s: deploy once more", i.ID, runs))
	}
}
