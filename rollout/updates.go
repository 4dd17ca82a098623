package rollout

import (
	"errors"
	"fmt"
)

// updates are the instances that a run is about, in the order of the fleet.
type updates []*instanceUpdate

// failed reports whether an update failed.
func failed(u *instanceUpdate) bool { return u.err != nil && u.state != stateUpdated }

// waiting reports whether the run still has to take the instance through the table.
func waiting(u *instanceUpdate) bool { return u.state == stateWaiting && u.err == nil }

// putBack reports whether the instance was deregistered and put back into service.
func putBack(u *instanceUpdate) bool {
	return !u.registration.deregisteredAt.IsZero() && (u.state == stateUpdated || u.state == stateRestored)
}

// that returns the updates for which so returns true.
func (us updates) that(so func(*instanceUpdate) bool) updates {
	var found updates
	for _, u := range us {
		if so(u) {
			found = append(found, u)
		}
	}
	return found
}

// in returns the updates that are in the state.
func (us updates) in(s updateState) updates {
	return us.that(func(u *instanceUpdate) bool { return u.state == s })
}

// failure joins the errors of the failed updates, each with its instance. It returns nil if none failed.
func (us updates) failure() error {
	var errs []error
	for _, u := range us.that(failed) {
		errs = append(errs, fmt.Errorf("%s: %w", u.instance.ID, u.err))
	}
	return errors.Join(errs...)
}

func (us updates) ids() []string {
	names := make([]string, len(us))
	for i, u := range us {
		names[i] = u.instance.ID
	}
	return names
}
