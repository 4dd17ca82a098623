package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// updates are the instances that a run is about, in the order of the fleet.
type updates []*instanceUpdate

// failed reports whether an update failed.
func failed(u *instanceUpdate) bool { return u.err != nil && u.state != stateUpdated }

// waiting reports whether the run still has to take the instance through the table.
func waiting(u *instanceUpdate) bool { return u.state == stateWaiting && u.err == nil }

// putBack reports whether the instance was put back into service after it was deregistered, or after a call to the load
// balancer that failed.
func putBack(u *instanceUpdate) bool {
	out := !u.registration.deregisteredAt.IsZero() || !u.registration.inDoubtSince.IsZero() || u.closingOwed != ""
	return out && (u.state == stateUpdated || u.state == stateRestored)
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

// failure joins the errors of the failed updates. It names a cause that several instances share once, with the first few
// of them. It returns nil if none failed.
func (us updates) failure() error {
	var causes []updates
	for _, u := range us.that(failed) {
		same := slices.IndexFunc(causes, func(c updates) bool { return c[0].err.Error() == u.err.Error() })
		if same < 0 {
			causes = append(causes, updates{u})
		} else {
			causes[same] = append(causes[same], u)
		}
	}
	var errs []error
	for _, c := range causes {
		errs = append(errs, fmt.Errorf("%s: %w", firstFew(c.ids()), c[0].err))
	}
	return errors.Join(errs...)
}

// watchFirst watches the instances of the first batch, because it is the next to leave.
func watchFirst(ctx context.Context, batches []updates) {
	if len(batches) == 0 {
		return
	}
	for _, u := range batches[0] {
		u.watch(ctx)
	}
}

// releaseBefore returns the release that every healthy instance ran before the run; zero if they ran several, or one that
// nothing can go back to.
func (us updates) releaseBefore() Release {
	var common Release
	for _, u := range us.that(func(u *instanceUpdate) bool { return u.registration.wasHealthy() }) {
		ran := u.before.Release
		other := common.Image != "" && common.Image != ran.Image
		if !u.before.Running || u.before.Unproven != "" || ran.Validate() != nil || other {
			return Release{}
		}
		common = ran
	}
	return common
}

func (us updates) ids() []string {
	names := make([]string, len(us))
	for i, u := range us {
		names[i] = u.instance.ID
	}
	return names
}
