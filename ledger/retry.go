package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// firstPause and lastPause return the shortest and the longest pause before another attempt: 100 ms and 5 s for a lease of a
// minute.
func (o Options) firstPause() time.Duration { return o.Lease / 600 }
func (o Options) lastPause() time.Duration  { return o.Lease / 12 }

// patiently makes attempts until one succeeds or fails for another reason than an unavailable store. When Options.Patience
// is over, it returns the error of the last attempt.
func (b *book) patiently(ctx context.Context, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, b.options.Patience)
	defer cancel()
	for pause := b.options.firstPause(); ; pause = min(2*pause, b.options.lastPause()) {
		err := b.once(ctx, attempt)
		if !errors.Is(err, ErrUnavailable) {
			return err
		}
		// Half of the pause is random, so that writers that were throttled together do not try again together.
		if sleep(ctx, pause/2+rand.N(pause/2)) != nil {
			return err
		}
	}
}

// once makes one attempt, for Options.Attempt at most. An attempt that is ended by that may have been applied, so it is
// ErrUnavailable.
func (b *book) once(ctx context.Context, attempt func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, b.options.Attempt)
	defer cancel()
	err := attempt(bounded)
	if err != nil && bounded.Err() != nil && !errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("%w: no answer in time: %w", ErrUnavailable, err)
	}
	return err
}

// sleep waits for d, and returns the cause if ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// get reads an object, with attempts as patiently makes them.
func (b *book) get(ctx context.Context, key string) (object Object, err error) {
	err = b.patiently(ctx, func(ctx context.Context) error {
		object, err = b.store.Get(ctx, key)
		return err
	})
	if err != nil {
		err = fmt.Errorf("read %s: %w", b.name(key), err)
	}
	return object, err
}
