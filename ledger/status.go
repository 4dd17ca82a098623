package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Before names the object that Lease and Unfinished are in, if the ledger was not moved from its key of before yet
	// ([Options.Before]) and they keep it there.
	Before string
}

// Running reports whether a run holds the environment.
func (s Status) Running() bool { return s.Lease != nil && s.Now.Before(s.Lease.Ends) }

// Refusal is the error that Acquire would return to another run; nil if it would not refuse it.
func (s Status) Refusal() error {
	switch held := s.held(); {
	case s.Before != "":
		return &MoveError{Status: s}
	case held != nil:
		return held
	}
	return nil
}

// held is the refusal by a lease that lasts, nil if there is none.
func (s Status) held() *HeldError {
	if !s.Running() {
		return nil
	}
	return &HeldError{Environment: s.Environment, Lease: *s.Lease, Now: s.Now}
}

// left are the runs that ended without a word, oldest first.
func (s Status) left() []Run {
	if s.Lease == nil || s.Running() {
		return s.Unfinished
	}
	return append(slices.Clip(s.Unfinished), s.Lease.Run)
}

// lease must be called on one that has a lease.
func (s saved) lease() Held {
	return Held{Run: s.Lease.Run, Ends: s.Lease.ends(s.modified)}
}

// Current reads who holds the environment and what runs left unfinished, at the key of before too as long as the ledger
// was not moved from there. It changes nothing.
func (l *Ledger) Current(ctx context.Context) (Status, error) {
	found, before, err := l.look(ctx)
	if err != nil {
		return Status{}, err
	}
	if before.occupied() {
		return l.statusBefore(before), nil
	}
	return l.status(found), nil
}

func (l *Ledger) status(found saved) Status {
	status := Status{Environment: l.key.environment, Now: found.now, Unfinished: found.Unfinished}
	if found.Lease != nil {
		held := found.lease()
		status.Lease = &held
	}
	return status
}

// Unlock takes the lease from its holder: one that has ended, or, whether it has
// or not, that of the run named exactly. Its journal is kept for the next run to
// heal, and a holder that still lives cannot act any more. Without a lease there
// is nothing to do. A *[HeldError] refuses it.
func (l *Ledger) Unlock(ctx context.Context, run string) error {
	_, before, err := l.look(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("unlock %s: %w", l.key.environment, err)
	case before.occupied():
		return fmt.Errorf("unlock %s: %w", l.key.environment, l.statusBefore(before).Refusal())
	}
	_, err = l.update(ctx, func(found saved) (document, error) {
		switch {
		case found.Lease == nil:
			return document{}, errUnchanged
		case run != "" && run != found.Lease.RunID:
			return document{}, fmt.Errorf("the lease is not run %q's but %s's", run, found.Lease.Holder)
		case run == "" && found.held():
			return document{}, &HeldError{Environment: l.key.environment, Lease: found.lease(), Now: found.now}
		}
		next := found.document
		next.retire()
		return next, nil
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return fmt.Errorf("unlock %s: %w", l.key.environment, err)
	}
	return nil
}
