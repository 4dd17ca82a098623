package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// haltError ends a run because of something that the release may have done, so that updated instances go back if the
// policy says so.
type haltError struct{ error }

func (e *haltError) Unwrap() error { return e.error }

// verdictBefore decides, when every instance was prepared or checked, whether the run may begin.
func (f *fleet) verdictBefore(ctx context.Context) error {
	if err := f.updates.failure(); errors.Is(err, ErrRefuse) {
		return err
	}
	if len(f.updates.that(failed)) > 0 && len(f.updates.that(waiting)) == 0 {
		return fmt.Errorf("no instance can be updated: %w", f.updates.failure())
	}
	return f.verdict(ctx, nil)
}

// verdict decides after each batch whether the run goes on. It returns nil if it does.
func (f *fleet) verdict(ctx context.Context, canaries updates) error {
	failures := len(f.updates.that(failed))
	switch {
	case ctx.Err() != nil && slices.ContainsFunc(f.updates, unfinished):
		return f.brokenOff(ctx, context.Cause(ctx))
	case len(f.updates.in(stateOutOfService)) > 0:
		return fmt.Errorf("halted, an instance is out of service: %w", f.updates.failure())
	case slices.ContainsFunc(canaries, failed):
		return &haltError{fmt.Errorf("halted, a canary failed: %w", f.updates.failure())}
	case failures > f.Policy.Failures:
		return &haltError{fmt.Errorf("halted after %d failed instances: %w", failures, f.updates.failure())}
	}
	return nil
}

// unfinished reports whether something was left undone, so that a signal can be the reason.
func unfinished(u *instanceUpdate) bool {
	return u.state == stateWaiting || u.state == stateOut || u.state == stateRestored || u.err != nil
}
