package rollout

import (
	"context"
	"fmt"
	"time"
)

// register registers the instance in its target groups, on the ports it had.
func (u *instanceUpdate) register(ctx context.Context) (string, error) {
	targets := u.registration.targets
	return "in " + countGroups(targets), u.registerTargets(ctx, targets)
}

// leave is register's compensation. It deregisters the new container and drains it like the old one. A run that is
// broken off does not wait for the drain.
func (u *instanceUpdate) leave(ctx context.Context) (string, error) {
	if err := u.journal.act(ctx, u.registration.deregister); err != nil {
		return "", err
	}
	if err := u.journal.act(ctx, u.host.Drain); err != nil {
		u.report.remark(StepRegister, "the service could not be signalled to drain: %s", oneLine(err))
	}
	u.meter.reset()
	seen, err := u.awaitQuiet(ctx, StepRegister)
	if err != nil && ctx.Err() != nil {
		return "the drain was broken off", nil
	}
	return seen, err
}

// join waits until the load balancer calls the instance healthy and clients arrive.
func (u *instanceUpdate) join(ctx context.Context) (string, error) {
	if len(u.registration.targets) == 0 {
		return "in no target group: nothing to wait for", nil
	}
	healthy, err := u.awaitHealthy(ctx, StepJoin)
	if err != nil {
		return healthy, err
	}
	arrived, err := u.awaitClients(ctx)
	return healthy + ", " + arrived, err
}

// awaitClients waits until a client arrives at the new container, if enough of them were seen at the old one for their
// absence to mean something. If none arrives in time, that is a remark only, because the load balancer calls the
// instance healthy.
func (u *instanceUpdate) awaitClients(ctx context.Context) (string, error) {
	policy := u.session.Policy
	switch {
	case policy.Drain.Fixed || policy.Traffic == 0:
		return "traffic not waited for", nil
	case u.registration.shifted:
		return "no traffic waited for, because a zonal shift sends it elsewhere", nil
	case u.meter.evidence.busy < busyIntervals:
		return fmt.Sprintf("too few clients before to see them arrive: it counts as capacity %s after it was registered", round(policy.Drain.Lag)), nil
	}
	began := time.Now()
	arrived, err := u.meter.awaitArrival(ctx, policy.Traffic)
	switch {
	case err != nil:
		return "", err
	case arrived:
		// With several targets any of them may have brought the clients.
		u.registration.clientsArrived = len(u.registration.targets) == 1
		return fmt.Sprintf("takes traffic after %s", round(time.Since(began))), nil
	}
	u.report.remark(StepJoin, "healthy, but traffic did not arrive within %s: %s", policy.Traffic, u.meter.evidence.seen())
	return "traffic did not arrive", nil
}
