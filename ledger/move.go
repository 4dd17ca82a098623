package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// move makes programs that know only the key of before refuse it, by a marker there that names this ledger's key. It is
// one conditional write over a document without a lease, and it comes before this ledger's lease is taken. So a program
// of before either holds its lease, and then this run is refused, or gets none any more. Runs on their way into the
// history are filed under the new key first. A marker that is there already is left as it is.
func (l *Ledger) move(ctx context.Context) error {
	if l.before == nil {
		return nil
	}
	_, err := l.before.update(ctx, func(found saved) (document, error) {
		switch {
		case found.Moved != "":
			return document{}, cmp.Or(l.checkMarker(found), errUnchanged)
		case found.occupied():
			return document{}, l.statusBefore(found).Refusal()
		}
		return document{Moved: l.key.String()}, l.file(ctx, found.Finished)
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// checkMarker refuses a ledger that was moved to another key, because what is there is another service's.
func (l *Ledger) checkMarker(found saved) error {
	if found.Moved == l.key.String() {
		return nil
	}
	return fmt.Errorf("%s was moved to the key %s: only that service may name %s as its key of before", l.nameBefore(), found.Moved, l.before.key)
}

// look reads what is at the key, and what is at the key of before until the ledger is moved from there; after that, before
// is zero. Nothing is written at the key before the move, so an object that is hidden then does not exist.
func (l *Ledger) look(ctx context.Context) (found, before saved, err error) {
	before, hidden := l.readBefore(ctx)
	if hidden != nil && !errors.Is(hidden, ErrHidden) {
		return found, before, hidden
	}
	found, err = l.read(ctx)
	switch {
	case errors.Is(err, ErrHidden) && before.version != Absent:
		err = nil
	case err == nil && found.version == Absent:
		err = hidden // a lease may be there
	}
	return found, before, err
}

// readBefore reads what is at the key of before, if there is one and the ledger was not moved from there.
func (l *Ledger) readBefore(ctx context.Context) (saved, error) {
	if l.before == nil {
		return saved{}, nil
	}
	found, err := l.before.read(ctx)
	if err != nil || found.Moved == "" {
		return found, err
	}
	return saved{}, l.checkMarker(found)
}

// occupied reports whether a document has a lease, of a living run or of a dead one, or unfinished runs.
func (s saved) occupied() bool { return s.Lease != nil || len(s.Unfinished) > 0 }

// statusBefore is the status of what is at the key of before, and occupies it.
func (l *Ledger) statusBefore(found saved) Status {
	status := l.status(found)
	status.Before = l.nameBefore()
	return status
}

func (l *Ledger) nameBefore() string { return l.name(l.before.key.current()) }
