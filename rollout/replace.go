package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// bootTimeout is the time that a new instance has beyond the policy's health timeout until it serves, because its first
// boot installs an engine and pulls an image.
const bootTimeout = 15 * time.Minute

// ErrGone is wrapped by an error of the apply that Replace calls if the old instance does not exist any more. After any
// other error it is put back into service.
var ErrGone = errors.New("the old instance is gone")

// Replace takes an instance out of service as a rollout does (by the capacity
// rule, drained on evidence), lets apply put another in its place, and returns
// when the load balancer calls that one healthy. If the instance is still there
// when something failed, it is put back. Of c's fields the release is not used.
func Replace(ctx context.Context, c Config, id string, apply func(context.Context) (Instance, error)) (Result, error) {
	c.Policy.Health += bootTimeout
	c.Port = 0 // the new instance's first boot starts its container, and not this run
	f, err := newFleet(c)
	if err != nil {
		return f.result(f.outcome(err), err), err
	}
	defer f.close()
	err = (&replacement{f, apply}).replace(ctx, id)
	f.verify(ctx, f.updates.touched() || f.updates.anyAiling())
	return f.result(f.outcome(err), err), err
}

// replacement puts another instance in the place of one.
type replacement struct {
	*fleet
	apply func(context.Context) (Instance, error)
}

func (r *replacement) replace(ctx context.Context, id string) error {
	at := slices.IndexFunc(r.updates, func(u *instanceUpdate) bool { return u.instance.ID == id })
	if at < 0 {
		return fmt.Errorf("replace %s: it is not in the fleet", id)
	}
	for i, u := range r.updates {
		if i != at {
			u.state = stateSkipped
		}
	}
	u := r.updates[at]
	if err := r.survey(ctx); err != nil {
		return err
	}
	u.err = nil // an instance that cannot be reached is drained by the clock
	if err := r.reserve(ctx, updates{u}); err != nil {
		return r.brokenOff(ctx, err)
	}
	r.exchange(ctx, u)
	u.reportEnd()
	if u.state == stateRestored && ctx.Err() != nil {
		return r.brokenOff(ctx, u.err)
	}
	if u.state == stateUpdated {
		r.awaitRouted(ctx) // because the next replacement counts on this one
	}
	return r.updates.failure()
}

// exchange drains the instance, has it replaced, and waits for the new one.
func (r *replacement) exchange(ctx context.Context, u *instanceUpdate) {
	for i, row := range life[:index(StepDrain)+1] {
		if err := u.record(ctx, row.name, doing, row.do); err != nil {
			u.undo(ctx, life[:i+1], fmt.Errorf("%s: %w", row.name, err))
			return
		}
	}
	instance, err := r.apply(ctx)
	switch {
	case errors.Is(err, ErrGone):
		u.state, u.err = stateOutOfService, fmt.Errorf("apply: %w", err)
		return
	case err != nil:
		u.undo(ctx, life[:index(StepDrain)+1], fmt.Errorf("apply: %w", err))
		return
	}
	r.succeed(u, instance)
	if _, err := u.awaitHealthy(ctx, StepJoin); err != nil {
		u.state, u.err = stateOutOfService, errors.Join(errors.New("the new instance does not serve"), err)
		return
	}
	u.state = stateUpdated
}

// succeed makes the update the new instance's, with the registrations of the old one.
func (r *replacement) succeed(u *instanceUpdate, instance Instance) {
	u.instance, u.report.instance = instance, instance.ID
	u.registration.hand(instance)
	r.unknown.add(instance.ID)
}
