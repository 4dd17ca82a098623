package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Held is a lease as it stands.
type Held struct {
	// Run is its holder with the journal so far.
	Run
	// Ends is when it ends unless it is renewed, by the store's clock.
	Ends time.Time
}

// Status is what the ledger knows of an environment.
type Status struct {
	Environment string
	// Now is the store's time.
	Now time.Time
	// Lease is the one that was taken last; nil when it was given back. One whose
	// Ends is not after Now has ended: its run died.
	Lease *Held
	// Unfinished are runs that died before, oldest first.
	Unfinished []Run
}

// Running reports whether a run holds the environment.
func (s Status) Running() bool { return s.Lease != nil && s.Now.Before(s.Lease.Ends) }

// lease must be called on one that has a lease.
func (s saved) lease() Held {
	return Held{Run: s.Lease.run(), Ends: s.Lease.ends(s.modified)}
}

// Current reads who holds the environment and what runs left unfinished. It
// changes nothing.
func (l *Ledger) Current(ctx context.Context) (Status, error) {
	found, err := l.read(ctx)
	if err != nil {
		return Status{}, err
	}
	status := Status{Environment: l.environment, Now: found.now, Unfinished: found.Unfinished}
	if found.Lease != nil {
		held := found.lease()
		status.Lease = &held
	}
	return status, nil
}

// Unlock takes the lease from its holder: one that has ended, or, whether it has
// or not, that of the run named exactly. Its journal is kept for the next run to
// heal, and a holder that still lives cannot act any more. Without a lease there
// is nothing to do. A *[HeldError] refuses it.
func (l *Ledger) Unlock(ctx context.Context, run string) error {
	_, err := l.update(ctx, func(found saved) (document, error) {
		switch {
		case found.Lease == nil:
			return document{}, errUnchanged
		case run != "" && run != found.Lease.RunID:
			return document{}, fmt.Errorf("the lease is not run %q's but %s's", run, found.Lease.Holder)
		case run == "" && found.held():
			return document{}, &HeldError{Environment: l.environment, Lease: found.lease(), Now: found.now}
		}
		next := found.document
		next.retire()
		return next, nil
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return fmt.Errorf("unlock %s: %w", l.environment, err)
	}
	return nil
}
