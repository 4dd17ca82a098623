package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// unknownTargets finds instances that are registered in the fleet's target groups and are not in the fleet: they may
// run other code.
type unknownTargets struct {
	known map[string]bool // instances of the fleet, and those that were found already
	found []string        // IDs, in the order in which they were found
	// newAt holds the time at which an instance was found that was registered shortly before: while the run went on, or
	// one that the load balancer was still checking when it began.
	newAt map[string]time.Time
	began bool // find was called
}

func newUnknownTargets(fleet []Instance) *unknownTargets {
	u := &unknownTargets{known: map[string]bool{}, newAt: map[string]time.Time{}}
	for _, i := range fleet {
		u.known[i.ID] = true
	}
	return u
}

// add makes an instance known, because it has become a part of the fleet.
func (u *unknownTargets) add(id string) { u.known[id] = true }

// find returns the targets of unknown instances that no earlier call returned, and remarks on each.
func (u *unknownTargets) find(health Health, report *reporter) (fresh Health) {
	for _, h := range health {
		if h.State.Registered() && !u.known[h.Instance] {
			fresh = append(fresh, h)
		}
	}
	for _, h := range fresh {
		if !u.known[h.Instance] {
			u.found = append(u.found, h.Instance)
		}
		if !u.known[h.Instance] && u.began || initial(h) {
			u.newAt[h.Instance] = time.Now()
		}
		u.known[h.Instance] = true
	}
	u.began = true
	slices.SortFunc(fresh, func(a, b TargetHealth) int { return a.Target.compare(b.Target) })
	for _, h := range fresh {
		report.remark(fmt.Sprintf("%s is registered in %s on port %d but not in the fleet: it may run other code", h.Instance, h.Group, h.Port))
	}
	return fresh
}

// members returns the new ones for the capacity rule, because the load balancer may not route to them yet.
func (u *unknownTargets) members(lag time.Duration) []member {
	var members []member
	for _, id := range u.found {
		if at, fresh := u.newAt[id]; fresh {
			members = append(members, member{Instance: Instance{ID: id}, routedAt: at.Add(lag)})
		}
	}
	return members
}

// refuseUnknown returns the error that refuses a run because of targets which are not in the fleet; nil without any.
func refuseUnknown(unknown Health) error {
	if len(unknown) == 0 {
		return nil
	}
	var names []string
	for _, h := range unknown {
		names = append(names, fmt.Sprintf("%s:%d in %s", h.Instance, h.Port, h.Group))
	}
	return fmt.Errorf("registered, but not in the fleet: %s: deregister it, add it to the fleet, or go on with -allowUnknownTargets", strings.Join(names, ", "))
}
