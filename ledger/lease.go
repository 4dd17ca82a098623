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

// Lease is an environment held by one run, and that run's journal. A goroutine
// renews it until Finish, Release or its loss. Its methods may be called
// concurrently.
type Lease struct {
	ledger    *Ledger
	own       lease
	inherited []Run
	// actsUntil is the local time from which on the inherited runs cannot act any more; zero if that is over.
	actsUntil time.Time

	wake chan struct{} // somebody waits for a write
	lost chan struct{}
	done chan struct{} // nothing is written any more

	mu       sync.Mutex
	next     document // what the next write says
	waiting  *commit  // for the next write; nil when nobody does
	size     int      // of the last write, in bytes
	over     error    // why nothing is written any more
	finished bool     // next holds the run's result
}

// commit is one write that any number of callers wait for.
type commit struct {
	done chan struct{}
	err  error
}

// hold begins to renew a lease that was just taken. began is the local time before the write that took it.
func (l *Ledger) hold(ctx context.Context, took saved, began, actsUntil time.Time) *Lease {
	held := &Lease{
		ledger: l, own: *took.Lease, inherited: took.Unfinished, actsUntil: actsUntil, next: took.document,
		wake: make(chan struct{}, 1), lost: make(chan struct{}), done: make(chan struct{}),
	}
	k := &keeper{Lease: held, version: took.version, at: took.modified, since: began, sent: map[string]bool{}}
	go k.keep(context.WithoutCancel(ctx))
	return held
}

// Holder is who the lease was taken for.
func (l *Lease) Holder() Holder { return l.own.Holder }

// Inherited returns the runs that ended without a result before this one began, oldest first. The instances in their
// journals may be out of service. The oldest journal shows what ran before all of them.
func (l *Lease) Inherited() []Run { return slices.Clone(l.inherited) }

// Unfinished returns the inherited runs as one, to be healed. It has no entries if there is nothing to heal.
func (l *Lease) Unfinished() rollout.UnfinishedRun {
	u := rollout.UnfinishedRun{ActsUntil: l.actsUntil}
	for _, run := range l.inherited {
		u.Run = run.RunID
		if run.Release.Image != "" {
			u.Release = run.Release
		}
		u.Entries = append(u.Entries, run.Entries...)
	}
	return u
}

// Lost is closed when the lease is lost, and stays open when it is given back.
// A run need not watch it to be safe: Record refuses.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Err is nil while the lease is held, ErrReleased after it was given back, and
// a *[LostError] once it is lost.
func (l *Lease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// Record writes an entry, together with those of all who wait at the time, and
// returns once the store has taken it: whoever gets nil held the lease after the
// call began, whatever local clocks say, and may act. The error is a *[LostError]
// when the lease is another's or ended; any other leaves open whether the entry
// is in the journal.
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

// Release gives the lease back without a result: the next run may take it at
// once and inherits the journal. A lease that is lost was given back already.
func (l *Lease) Release(ctx context.Context) error {
	err := l.commit(ctx, func(d *document) error { *d = l.snapshot(); d.retire(); return nil })
	if errors.Is(err, ErrLost) || errors.Is(err, ErrReleased) {
		return nil
	}
	return err
}

// commit changes what the next write says and waits until it is written.
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
	default: // it is awake
	}
	return l.waiting, nil
}

// take hands out what is to be written now, and those who wait for it.
func (l *Lease) take() (document, *commit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.wake:
	default: // a renewal
	}
	c := l.waiting
	l.waiting = nil
	return l.snapshot(), c
}

// snapshot returns what the next write says, with a journal of its own. It is called with l.mu held.
func (l *Lease) snapshot() document {
	d := l.next
	if d.Lease != nil {
		held := *d.Lease
		held.Entries = slices.Clone(held.Entries)
		d.Lease = &held
	}
	return d
}

// answer tells those who waited. An end, if there is one, is known before.
func (l *Lease) answer(c *commit, err, over error) {
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
