package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

// retakePatience is how long a run that left an instance out waits for a ledger that cannot be reached.
const retakePatience = 5 * time.Minute

// retake puts back what the run left out of service because the ledger could not be reached for longer than its lease
// lasts. It acquires the lease again first, which fails if another run did so meanwhile: that one heals the instances. A
// signal ends the wait. A run that was unlocked leaves its instances to the next command, as the one who unlocked it expects.
func (r *run) retake(result rollout.Result, err error) (rollout.Result, error) {
	stranded := result.Outcome == rollout.Orphaned || result.InDoubt
	lost := r.lease.Err() // by unlock or takeover, if the ledger could be reached
	if !stranded || r.ctx.Err() != nil || !errors.Is(lost, ledger.ErrLost) || !errors.Is(lost, ledger.ErrUnavailable) {
		return result, err
	}
	r.remark("the lease is lost with an instance out of service: waiting for the ledger, to acquire it again and heal the instance")
	r.config.ID = rollout.NewID(time.Now()) // in the ledger the recovery is a run of its own
	lease, failed := r.acquireAgain()
	if failed != nil {
		return result, fmt.Errorf("%w; acquire the lease again: %w", err, failed)
	}
	r.lease, r.config.Journal = lease, lease
	healed, failed := rollout.Heal(r.ctx, r.config, lease.Unfinished())
	result = result.Recovered(healed)
	if failed != nil {
		return result, fmt.Errorf("%w; %w", err, failed)
	}
	ctx, cancel := r.finishContext()
	defer cancel()
	if failed := lease.Healed(ctx, result); failed != nil {
		return result, fmt.Errorf("%w; %w", err, failed)
	}
	r.healed = &healed
	return result, err
}

// acquireAgain acquires the lease for the same release. It tries again while the ledger cannot be reached, and waits for the
// end of the lease that this run lost, because the store's clock may end it later than this process did.
func (r *run) acquireAgain() (*ledger.Lease, error) {
	ctx, cancel := context.WithTimeout(r.ctx, retakePatience)
	defer cancel()
	for {
		lease, err := r.ledger.Acquire(ctx, ledger.Here(r.config.ID, r.config.Release))
		held, refused := errors.AsType[*ledger.HeldError](err)
		own := refused && held.Lease.RunID == r.lease.Holder().RunID
		switch {
		case own:
			pause(ctx, held.Lease.Ends.Sub(held.Now))
		case !errors.Is(err, ledger.ErrUnavailable):
			return lease, err
		}
		if ctx.Err() != nil {
			return lease, err
		}
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
