package fleet

import (
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// Unknown names the targets that are registered and not in the fleet, one sentence each.
func (f Fleet) Unknown(health rollout.Health) (says []string) {
	for _, h := range health {
		known := func(i rollout.Instance) bool { return i.ID == h.Instance }
		if h.State.Registered() && !slices.ContainsFunc(f.Instances, known) {
			says = append(says, fmt.Sprintf("%s is registered in %s on port %d but not in the fleet: it may run other code", h.Instance, h.Group, h.Port))
		}
	}
	return says
}
