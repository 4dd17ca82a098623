package targets

import (
	"context"
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// unknown names the targets that are registered and not in the fleet, one sentence each.
func (w *world) unknown(health rollout.Health) (says []string) {
	for _, h := range health {
		known := func(i rollout.Instance) bool { return i.ID == h.Instance }
		if h.State.Registered() && !slices.ContainsFunc(w.fleet.Instances, known) {
			says = append(says, fmt.Sprintf("%s is registered in %s on port %d but not in the fleet: it may run other code", h.Instance, h.Group, h.Port))
		}
	}
	return says
}

// newcomers reads the fleet again when a run is over, and names each instance that
// came up meanwhile and runs something else. It is not rolled: it may be booting
// still, nobody prepared it, and the next deploy finds it in the fleet.
func (w *world) newcomers(ctx context.Context, s settings, result *rollout.Result) {
	fleet, _, err := s.fleet(ctx)
	if err != nil {
		result.Remarks = append(result.Remarks, "the fleet could not be read again after the run: "+err.Error())
		return
	}
	for _, i := range fleet.Instances {
		known := func(k rollout.Instance) bool { return k.ID == i.ID }
		if slices.ContainsFunc(w.fleet.Instances, known) {
			continue
		}
		runs, same := w.compare(ctx, i, result.Release)
		if same {
			continue
		}
		if !slices.Contains(result.Newcomers, i.ID) {
			result.Newcomers = append(result.Newcomers, i.ID)
		}
		result.Remarks = append(result.Remarks, fmt.Sprintf("%s joined the fleet during the run and %s: deploy once more", i.ID, runs))
	}
}

// compare says what an instance runs, and whether that is the release.
func (w *world) compare(ctx context.Context, i rollout.Instance, release rollout.Release) (says string, same bool) {
	host, err := w.connect(ctx, i)
	if err != nil {
		return "cannot be asked what it runs: " + err.Error(), false
	}
	defer host.Close()
	state, err := host.Inspect(ctx)
	switch {
	case err != nil:
		return "cannot be asked what it runs: " + err.Error(), false
	case !state.Running:
		return "runs nothing yet", false
	}
	return "runs " + state.Release.String(), state.Release.Digest() == release.Digest()
}
