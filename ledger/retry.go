package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// firstPause and lastPause are the shortest and the longest wait before another
// attempt: 100 ms and 5 s for a lease of a minute.
func (o Options) firstPause() time.Duration { return o.Lease / 600 }
func (o Options) lastPause() time.Duration  { return o.Lease / 12 }

// patiently makes attempts until one is answered, in one way or the other. Only
// an unavailable store is asked again; its last error is the answer in the end.
func (b *book) patiently(ctx context.Context, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, b.options.Patience)
	defer cancel()
	for pause := b.options.firstPause(); ; pause = min(2*pause, b.options.lastPause()) {
		err := b.once(ctx, attempt)
		if !errors.Is(err, ErrUnavailable) {
			return err
		}
		// Half of the pause is random, so that writers who were throttled
		// together do not come back together.
		if sleep(ctx, pause/2+rand.N(pause/2)) != nil {
			return err
		}
	}
}

// once makes one attempt within its own bound. An attempt that its bound ended
// may have been applied, like every unavailable store's.
func (b *book) once(ctx context.Context, attempt func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, b.options.Attempt)
	defer cancel()
	err := attempt(bounded)
	if err != nil && bounded.Err() != nil && !errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("%w: no answer in time: %w", ErrUnavailable, err)
	}
	return err
}

// sleep waits for d, or until ctx ends and then answers why.
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

// get reads an object with patience.
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
