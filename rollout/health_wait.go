package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// awaitHealthy waits until every target of the instance is healthy. It registers a target again that is draining or
// missing, because a Deregister call whose caller gave up can be applied after the Register call that followed.
func (u *instanceUpdate) awaitHealthy(ctx context.Context, name StepName) (string, error) {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, u.session.Policy.Health)
	defer cancel()
	state, trouble := "health was not read", error(nil)
	for {
		health, err := u.session.poller.health(limited, u.registration.targets...)
		switch {
		case ctx.Err() != nil:
			return state, context.Cause(ctx)
		case limited.Err() != nil:
			return state, errors.Join(fmt.Errorf("not healthy after %s: %s", u.session.Policy.Health, state), trouble)
		case err != nil:
			trouble = fmt.Errorf("read health: %w", err)
			continue
		}
		missing, unhealthy := u.registration.compare(health)
		state = unhealthy.String()
		if len(unhealthy) == 0 {
			u.registration.shifted = slices.ContainsFunc(health.Of(u.instance.ID), func(h TargetHealth) bool { return h.Shifted })
			return fmt.Sprintf("healthy after %s", round(time.Since(began))), nil
		}
		u.report.moved(name, state)
		if trouble = registerMissing(ctx, u, name, missing); errors.Is(trouble, errNoIntent) {
			return state, trouble
		}
	}
}

// registerMissing registers what is missing. It journals an intent of its own, so that a run that lost its lease stops
// here too. While the instance joins it journals the outcome as well, because the ledger counts the routing lag of the next
// run from that. A compensation has an outcome that follows.
func registerMissing(ctx context.Context, u *instanceUpdate, name StepName, missing []Target) error {
	if len(missing) == 0 {
		return nil
	}
	mark := Undoing
	if name == StepJoin {
		name, mark = StepRegister, Begun
	}
	if err := u.journal.intend(ctx, name, mark); err != nil {
		return err
	}
	err := u.registerTargets(ctx, missing)
	if mark == Begun {
		err = errors.Join(err, u.journal.write(ctx, name, doing.mark(err), err))
	}
	if err != nil {
		return fmt.Errorf("register again: %w", err)
	}
	return nil
}

// registerTargets registers targets of the instance, as an act.
func (u *instanceUpdate) registerTargets(ctx context.Context, targets []Target) error {
	return u.journal.act(ctx, func(ctx context.Context) error { return u.registration.register(ctx, targets) })
}
