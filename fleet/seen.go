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

// NotServing returns a sentence for each instance of the fleet to which a target group routes nothing: none of its
// targets there is healthy, or it is in no group at all. err is why health could not be read.
func (f Fleet) NotServing(health rollout.Health, err error) (remarks []string) {
	if err != nil {
		return []string{"who serves could not be read: " + err.Error()}
	}
	for _, i := range f.Instances {
		targets := health.Of(i.ID)
		if len(targets) == 0 {
			remarks = append(remarks, fmt.Sprintf("%s is in no target group", named(i)))
		}
		serving := map[string]bool{}
		for _, h := range targets {
			serving[h.Group] = serving[h.Group] || h.State == rollout.TargetHealthy
		}
		for _, h := range targets {
			if !serving[h.Group] {
				remarks = append(remarks, fmt.Sprintf("%s is %s in %s on port %d", named(i), h, h.Group, h.Port))
			}
		}
	}
	return remarks
}

// named returns an instance's name and ID.
func named(i rollout.Instance) string {
	if i.Name == "" {
		return i.ID
	}
	return fmt.Sprintf("%s (%s)", i.Name, i.ID)
}
