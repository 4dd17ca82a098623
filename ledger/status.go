package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Held is a lease.
type Held struct {
	// Run is the run that took it, with its journal so far.
	Run
	// Ends is the store's time at which it ends unless it is renewed.
	Ends time.Time
}

// Status is the state of an environment in the ledger.
type Status struct {
	Environment string
	// Now is the store's time.
	Now time.Time
	// Lease is the one that was taken last; nil if it was released. If its Ends is not after Now, its run died.
	Lease *Held
	// Unfinished are the runs that died before, oldest first.
	Unfinished []Run
	// Before names the object that Lease and Unfinished are in, if the ledger was not moved from its key of before yet
	// ([Options.Before]) and they keep it there.
	Before string
}

// Running reports whether a run holds the environment.
func (s Status) Running() bool { return s.Lease != nil && s.Now.Before(s.Lease.Ends) }

// Refusal returns the error that Acquire would return to another run; nil if that could take the lease.
func (s Status) Refusal() error {
	switch held := s.held(); {
	case s.Before != "":
		return &MoveError{Status: s}
	case held != nil:
		return held
	}
	return nil
}

// held returns the refusal because of a lease that has not ended; nil if there is none.
func (s Status) held() *HeldError {
	if !s.Running() {
		return nil
	}
	return &HeldError{Environment: s.Environment, Lease: *s.Lease, Now: s.Now}
}

// left returns the runs that ended without a result, oldest first.
func (s Status) left() []Run {
	if s.Lease == nil || s.Running() {
		return s.Unfinished
	}
	return append(slices.Clip(s.Unfinished), s.Lease.Run)
}

// lease returns the lease, which must be there.
func (s saved) lease() Held {
	return Held{Run: s.Lease.Run, Ends: s.Lease.ends(s.modified)}
}

// Current reads the lease and the unfinished runs, those at the key of before if the ledger was not moved from there yet. It
// writes nothing.
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

// Unlock removes the lease of a run. If no run ID is given, the lease must have ended, else Unlock returns a *[HeldError]. The
// journal stays for the next run to heal. A run that is still in progress can begin no other act, and the next run waits
// until its last one must have been sent. Without a lease Unlock does nothing.
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
