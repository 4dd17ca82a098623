package fleet

import (
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// Unknown returns a sentence for each registered target that is not in the fleet.
func (f Fleet) Unknown(health rollout.Health) (remarks []string) {
	for _, h := range health {
		known := func(i rollout.Instance) bool { return i.ID == h.Instance }
		if h.State.Registered() && !slices.ContainsFunc(f.Instances, known) {
			remarks = append(remarks, fmt.Sprintf("%s is registered in %s on port %d but not in the fleet: it may run other code", h.Instance, h.Group, h.Port))
		}
	}
	return remarks
}
