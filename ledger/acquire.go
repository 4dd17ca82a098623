package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Acquire takes the environment's lease for a run, and renews it until Finish or Release is called or the lease is lost.
// A lease that has ended is taken over. One that has not ended is taken at once by a later step of the same CI job if the
// process that holds it has ended. If that cannot be determined, Acquire waits until the lease ends. Any other lease
// returns a *[HeldError]. An object that is not understood returns a *[FormatError], and nothing is written.
// [Lease.Unfinished] returns what the runs before left.
//
// If there is a key of before ([Options.Before]), the first Acquire moves the ledger. It returns a *[MoveError] if programs
// of before left runs there.
func (l *Ledger) Acquire(ctx context.Context, h Holder) (*Lease, error) {
	h = h.clean()
	if err := checkName("run", h.RunID); err != nil {
		return nil, fmt.Errorf("take the lease of %s: %w", l.key.environment, err)
	}
	if err := l.move(ctx); err != nil {
		return nil, fmt.Errorf("take the lease of %s: %w", l.key.environment, err)
	}
	held, err := l.tryAcquire(ctx, h)
	if other, refused := errors.AsType[*HeldError](err); refused && h.sameJob(other.Lease.Holder) {
		if sleep(ctx, other.Lease.Ends.Sub(other.Now)) == nil {
			held, err = l.tryAcquire(ctx, h)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("take the lease of %s: %w", l.key.environment, err)
	}
	return held, nil
}

// tryAcquire takes the lease if it may be taken now.
func (l *Ledger) tryAcquire(ctx context.Context, h Holder) (*Lease, error) {
	id := newID()
	var began, actsUntil, written, registeredUntil time.Time
	took, err := l.update(ctx, func(found saved) (document, error) {
		began = time.Now()
		actsUntil, written, registeredUntil = found.actsUntil(began), found.written(began), found.registeredUntil(began)
		return l.takeOver(ctx, found, h, id)
	})
	if err != nil {
		return nil, err
	}
	held := l.hold(ctx, took, began)
	held.actsUntil, held.written, held.registeredUntil = actsUntil, written, registeredUntil
	return held, nil
}

// takeOver returns the document with the lease of another holder, if that may take it.
func (l *Ledger) takeOver(ctx context.Context, found saved, h Holder, id string) (document, error) {
	if found.held() && !h.mayReplace(found.Lease.Holder) {
		return document{}, &HeldError{Environment: l.key.environment, Lease: found.lease(), Now: found.now}
	}
	if err := l.file(ctx, found.Finished); err != nil {
		return document{}, err
	}
	next := found.document
	if found.occupied() {
		next.Registered = found.modified
	}
	next.retire()
	next.Finished = nil
	next.Lease = &lease{ID: id, Seconds: int(l.options.Lease.Seconds()), Run: Run{Holder: h, Began: found.now.UTC()}}
	return next, nil
}
