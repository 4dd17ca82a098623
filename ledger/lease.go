package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

var _ rollout.Journal = (*Lease)(nil)

// Lease is the lease of an environment that one run holds, with that run's journal. A goroutine renews it until Finish or
// Release is called, or the lease is lost. Its methods may be called concurrently.
type Lease struct {
	ledger    *Ledger
	own       lease
	inherited []Run
	// actsUntil is the local time from which on the inherited runs cannot act any more; zero if that is over.
	actsUntil time.Time
	// written is a local time before which the inherited journals were last written.
	written time.Time
	// registeredUntil is the local time until which runs before this one may have registered targets.
	registeredUntil time.Time

	wake chan struct{} // receives if a caller waits for a write
	lost chan struct{} // closed when the lease is lost
	done chan struct{} // closed when nothing is written any more

	mu       sync.Mutex
	next     document // the next one to be written
	waiting  *commit  // the callers that wait for the next write; nil: none
	size     int      // of the last document written, in bytes
	over     error    // why nothing is written any more
	finished bool     // next has the run's result
}

// commit is a write for which any number of callers wait.
type commit struct {
	done chan struct{}
	err  error
}

// hold begins to renew a lease that was just taken. began is the local time before the write that took it.
func (l *Ledger) hold(ctx context.Context, took saved, began time.Time) *Lease {
	held := &Lease{
		ledger: l, own: *took.Lease, inherited: took.Unfinished, next: took.document,
		wake: make(chan struct{}, 1), lost: make(chan struct{}), done: make(chan struct{}),
	}
	k := &keeper{Lease: held, version: took.version, at: took.modified, since: began, sent: map[string]bool{}}
	go k.keep(context.WithoutCancel(ctx))
	return held
}

// Holder returns the holder that the lease was taken for.
func (l *Lease) Holder() Holder { return l.own.Holder }

// Inherited returns the runs that ended without a result before this one began, oldest first. The instances in their
// journals may be out of service. The oldest journal shows what ran before all of them.
func (l *Lease) Inherited() []Run { return slices.Clone(l.inherited) }

// RegisteredUntil returns the time until which runs before this one may have registered targets, by this machine's clock.
// It is zero if there was none.
func (l *Lease) RegisteredUntil() time.Time { return l.registeredUntil }

// Unfinished returns the inherited runs as one, to be healed. It has no entries if there is nothing to heal.
func (l *Lease) Unfinished() rollout.UnfinishedRun {
	u := rollout.UnfinishedRun{ActsUntil: l.actsUntil}
	if len(l.inherited) > 0 {
		u.Written = l.written
	}
	for _, run := range l.inherited {
		u.Run = run.RunID
		if run.Release.Image != "" {
			u.Release = run.Release
		}
		u.Entries = append(u.Entries, run.Entries...)
	}
	return u
}

// Lost returns a channel that is closed when the lease is lost, and not when it is released. A run need not watch it to be
// safe, because Record returns an error then.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Err returns nil while the lease is held, ErrReleased after it was released, and a *[LostError] once it is lost.
func (l *Lease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// Record writes an entry into the journal and returns when the store has it. Entries of concurrent calls share a write. If
// the error is nil, the lease was held after the call began, so that the run may act for the entry's duration since then.
// The error is a *[LostError] if the lease is another run's or has ended. After any other error the entry may be in the
// journal or not.
func (l *Lease) Record(ctx context.Context, e rollout.Entry) error {
	if err := checkEntry(e); err != nil {
		return fmt.Errorf("record in the journal of %s: %w", l.ledger.key.environment, err)
	}
	e.Error = shorten(e.Error)
	e.Targets = slices.Clone(e.Targets)
	return l.commit(ctx, func(d *document) error {
		if d.Lease == nil {
			return ErrReleased
		}
		if err := checkRoom(e, l.size); err != nil {
			return err
		}
		d.record(e)
		return nil
	})
}

// Release gives the lease back without a result, so that the next run can take it at once and inherits the journal. It
// returns nil if the lease was lost or released before.
func (l *Lease) Release(ctx context.Context) error {
	err := l.commit(ctx, func(d *document) error { *d = l.snapshot(); d.retire(); return nil })
	if errors.Is(err, ErrLost) || errors.Is(err, ErrReleased) {
		return nil
	}
	return err
}

// commit changes the next document and waits until it is written.
func (l *Lease) commit(ctx context.Context, change func(*document) error) error {
	c, err := l.enqueue(change)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return fmt.Errorf("write %s: %w", l.ledger.name(l.ledger.key.current()), context.Cause(ctx))
	}
}

func (l *Lease) enqueue(change func(*document) error) (*commit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over != nil {
		return nil, l.over
	}
	if err := change(&l.next); err != nil {
		return nil, err
	}
	if l.waiting == nil {
		l.waiting = &commit{done: make(chan struct{})}
	}
	select {
	case l.wake <- struct{}{}:
	default: // the keeper was woken already
	}
	return l.waiting, nil
}

// pending returns the document that is to be written now, and the callers that wait for it.
func (l *Lease) pending() (document, *commit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.wake:
	default: // nobody waits: a renewal
	}
	c := l.waiting
	l.waiting = nil
	d := l.snapshot()
	l.next.registers = false
	return d, c
}

// registered notes when a document with a finished registration was written, or that it has to be written still.
func (l *Lease) registered(d document, at time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.registers && err != nil {
		l.next.registers = true
	} else if d.registers {
		l.next.Registered = at
	}
}

// snapshot returns a copy of the next document. It is called with l.mu held.
func (l *Lease) snapshot() document {
	d := l.next
	if d.Lease != nil {
		held := *d.Lease
		held.Entries = slices.Clone(held.Entries)
		d.Lease = &held
	}
	return d
}

// conclude returns the result of a write to the callers that wait for it. over is set if it ended the lease.
func (l *Lease) conclude(c *commit, err, over error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = over
	if errors.Is(over, ErrLost) {
		close(l.lost)
	}
	if c != nil {
		c.err = err
		close(c.done)
	}
	if over != nil && l.waiting != nil {
		l.waiting.err = over
		close(l.waiting.done)
		l.waiting = nil
	}
}
