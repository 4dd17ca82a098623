package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// move writes a marker with this ledger's key to the key of before, which programs that know only that key refuse. It is one
// conditional write over a document without a lease, and precedes the first lease of this ledger. Therefore a program of
// before either holds its lease, and then this run is refused, or gets none any more. Finished runs that are not in the
// history yet are written to that of the new key first. A marker that is there already is left as it is.
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

// checkMarker refuses a ledger that was moved to another key, because the objects there are another service's.
func (l *Ledger) checkMarker(found saved) error {
	if found.Moved == l.key.String() {
		return nil
	}
	return fmt.Errorf("%s was moved to the key %s: only that service may name %s as its key of before", l.nameBefore(), found.Moved, l.before.key)
}

// look reads the document at the key, and the one at the key of before. That is zero after the move. Nothing is written at
// the key before the move, so that an object which is hidden until then does not exist.
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
		err = hidden // there may be a lease
	}
	return found, before, err
}

// readBefore reads the document at the key of before, if there is one and the ledger was not moved from there.
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

// occupied reports whether a document has a lease, even one that has ended, or unfinished runs.
func (s saved) occupied() bool { return s.Lease != nil || len(s.Unfinished) > 0 }

// statusBefore returns the status at the key of before, which is occupied.
func (l *Ledger) statusBefore(found saved) Status {
	status := l.status(found)
	status.Before = l.nameBefore()
	return status
}

func (l *Ledger) nameBefore() string { return l.name(l.before.key.current()) }
