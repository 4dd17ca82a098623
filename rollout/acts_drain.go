package rollout

import (
	"context"
	"fmt"
	"slices"
)

// deregister removes the instance from every target group it is in, if there is capacity for it to leave.
func (u *instanceUpdate) deregister(ctx context.Context) (string, error) {
	if err := confirm(ctx, u); err != nil {
		return "", err
	}
	u.state = stateOut
	err := u.journal.act(ctx, u.registration.deregister)
	return fmt.Sprintf("left %s, %s", countGroups(u.registration.targets), u.meter.evidence.watched()), err
}

// rejoin is deregister's compensation. It registers the instance on the ports it had and waits until it is healthy, if
// it was healthy before.
func (u *instanceUpdate) rejoin(ctx context.Context) (string, error) {
	err := u.registerTargets(ctx, u.registration.targets)
	switch {
	case len(u.registration.targets) == 0:
		return "was in no target group", nil
	case ctx.Err() != nil && err == nil:
		return "registered again; not waited for health, the run was broken off", nil
	case ctx.Err() != nil:
		return "", err
	case !u.registration.wasHealthy():
		return "registered again; it was not healthy before either", err
	}
	// The wait registers again what is missing, so it also repairs a call that failed or came late.
	detail, waited := u.awaitHealthy(ctx, StepDeregister)
	if waited != nil && ctx.Err() != nil && err == nil {
		return "registered again; the wait for health was broken off", nil
	}
	return detail, waited
}

// drain signals the service to send its clients away and waits until they have left.
func (u *instanceUpdate) drain(ctx context.Context) (string, error) {
	before := u.registration.before
	switch { // a healthy target receives traffic, whatever serves it
	case len(before) == 0 && !u.registration.draining:
		return "was in no target group: no traffic to wait for", nil
	case u.host != nil && !u.before.Running && !slices.ContainsFunc(before, healthy):
		return "no container runs: no traffic to wait for", nil
	}
	if u.host != nil {
		if err := u.journal.act(ctx, u.host.Drain); err != nil {
			u.report.remark(StepDrain, "the service could not be signalled to drain: %s", oneLine(err))
		}
	}
	return u.awaitQuiet(ctx, StepDrain)
}

// undrain signals the running service that its clients may stay. An error is a remark only, because a service that
// still sends its clients away serves them nevertheless.
func (u *instanceUpdate) undrain(ctx context.Context) (string, error) {
	if u.host == nil {
		return "", nil
	}
	if err := u.journal.act(ctx, u.host.Undrain); err != nil {
		u.report.remark(StepDrain, "the service could not be signalled that it is back: %s", oneLine(err))
	}
	return "", nil
}
