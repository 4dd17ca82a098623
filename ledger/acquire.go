package ledger

import (
	"context"
	"fmt"
	"time"
)

// Acquire takes the environment's lease for a run and renews it until Finish,
// Release or its loss. A lease that has ended is taken over, and so is one of
// the same CI run (equal RunURL and Owner) at once; what runs left unfinished is
// in [Lease.Inherited]. Any other lease that has not ended refuses with a
// *[HeldError]; an object that is not understood with a *[FormatError], and
// nothing is touched.
//
// If there is a key of before ([Options.Before]), the first Acquire moves the ledger; runs that programs of before left
// there refuse it with a *[MoveError].
func (l *Ledger) Acquire(ctx context.Context, h Holder) (*Lease, error) {
	h = h.clean()
	if err := checkName("run", h.RunID); err != nil {
		return nil, fmt.Errorf("take the lease of %s: %w", l.key.environment, err)
	}
	if err := l.move(ctx); err != nil {
		return nil, fmt.Errorf("take the lease of %s: %w", l.key.environment, err)
	}
	id := newID()
	began := time.Now()
	took, err := l.update(ctx, func(found saved) (document, error) {
		began = time.Now()
		return l.takeOver(ctx, found, h, id)
	})
	if err != nil {
		return nil, fmt.Errorf("take the lease of %s: %w", l.key.environment, err)
	}
	return l.hold(ctx, took, began), nil
}

// takeOver is current with the lease in other hands, if it may be taken.
func (l *Ledger) takeOver(ctx context.Context, found saved, h Holder, id string) (document, error) {
	if found.held() && !h.sameRun(found.Lease.Holder) {
		return document{}, &HeldError{Environment: l.key.environment, Lease: found.lease(), Now: found.now}
	}
	if err := l.file(ctx, found.Finished); err != nil {
		return document{}, err
	}
	next := found.document
	next.retire()
	next.Finished = nil
	next.Lease = &lease{ID: id, Seconds: int(l.options.Lease.Seconds()), Run: Run{Holder: h, Began: found.now.UTC()}}
	return next, nil
}
