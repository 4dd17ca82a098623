package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// keeper is the one goroutine that writes for a lease: what is recorded, and a
// renewal when nothing was recorded for a while.
type keeper struct {
	*Lease
	// version is what the next write replaces; at is when the last one was
	// applied by the store's clock, since no later than that by the local one.
	version Version
	at      time.Time
	since   time.Time
	// sent are the IDs that the document was written under so far, applied or not.
	sent map[string]bool
	// closing is set once that document gives the lease away: it is the last.
	closing bool
}

// pace is how many bytes are written in a second at most. Every write holds the
// whole journal: in a large fleet, where instances record at once, the entries of
// some milliseconds share one. A fleet of ten does not feel it.
const pace = 4 << 20

// keep writes until the lease is given back or lost.
func (k *keeper) keep(ctx context.Context) {
	defer close(k.done)
	pause := k.untilRenewal()
	for {
		k.rest(pause)
		d, c := k.take()
		err := k.save(ctx, d)
		over := k.verdict(d, err)
		if over != nil && err != nil {
			err = over
		}
		k.answer(c, err, over)
		if over != nil {
			return
		}
		time.Sleep(time.Second * time.Duration(k.size) / pace)
		pause = k.untilRenewal()
		if err != nil {
			pause = k.untilRetry()
		}
	}
}

// rest waits until something is to be written.
func (k *keeper) rest(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-k.wake:
	case <-timer.C:
	}
}

func (k *keeper) untilRenewal() time.Duration {
	return time.Until(k.since.Add(k.ledger.options.Renew))
}

// untilRetry is a renewal's pause after a failure, at the latest when the lease ends.
func (k *keeper) untilRetry() time.Duration {
	return min(k.ledger.options.Renew/4, time.Until(k.expires()))
}

// expires is when the lease has ended for certain by the local clock: that one
// may stand still while the store's goes on, but never runs ahead.
func (k *keeper) expires() time.Time { return k.since.Add(k.ledger.options.Lease) }

// verdict tells whether anything is left to write after a save.
func (k *keeper) verdict(d document, err error) error {
	var lost *LostError
	switch {
	case errors.As(err, &lost):
		return lost
	case err == nil && d.Lease == nil:
		return ErrReleased
	case err != nil && !time.Now().Before(k.expires()):
		return k.lose("it could not be renewed for "+k.ledger.options.Lease.String(), err)
	}
	return nil
}

func (k *keeper) lose(reason string, err error) *LostError {
	return &LostError{Environment: k.ledger.key.environment, Reason: reason, Err: err}
}

// save writes d, again and again while the store is not available, but neither
// longer than its patience nor after the lease has ended.
func (k *keeper) save(ctx context.Context, d document) error {
	options := k.ledger.options
	limit := time.Now().Add(options.Patience)
	if expires := k.expires(); expires.Before(limit) {
		limit = expires
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	if !k.closing {
		clear(k.sent) // an earlier document that arrives late is not this one
	}
	k.closing = d.Lease == nil
	for pause := options.firstPause(); ; pause = min(2*pause, options.lastPause()) {
		err := k.try(ctx, d)
		if !errors.Is(err, ErrUnavailable) || sleep(ctx, pause) != nil {
			return err
		}
		// Where only answers get lost, so would that to the next write.
		if err := k.readBack(ctx, d); !errors.Is(err, ErrUnavailable) {
			return err
		}
	}
}

// errDoubtful asks for another write: the lease was ours when the store
// answered, but that is too long ago, or it was an older document that it held.
var errDoubtful = fmt.Errorf("%w: its answer came too late to be sure", ErrUnavailable)

// try makes one attempt. Nil means that d is what the store holds.
func (k *keeper) try(ctx context.Context, d document) error {
	began := time.Now()
	wrote, err := k.ledger.write(ctx, d, k.version, k.sent)
	if errors.Is(err, ErrConflict) {
		return k.readBack(ctx, d)
	}
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.size = wrote.size
	k.mu.Unlock()
	if err := k.confirm(ctx, wrote, began); err != nil {
		return err
	}
	return k.prompt(d)
}

// prompt doubts a renewal that is not fresh any more when its answer arrives:
// an act that begins now could outlast the lease. The wall clock is asked,
// because it goes on while the machine sleeps, and only ever to write once more.
func (k *keeper) prompt(d document) error {
	if d.Lease != nil && time.Now().Round(0).Sub(k.since.Round(0)) > k.ledger.options.Attempt {
		return errDoubtful
	}
	return nil
}

// readBack looks what became of our writes, and whose it was that refused one.
func (k *keeper) readBack(ctx context.Context, d document) error {
	began := time.Now()
	found, err := k.ledger.read(ctx)
	var malformed *FormatError
	switch {
	case errors.As(err, &malformed):
		return k.lose("its object was changed by hand", err)
	case err != nil:
		return err
	}
	applied := k.sent[found.Write]
	if !applied && !k.owns(found) {
		return k.taken(found)
	}
	if err := k.confirm(ctx, found, began.Add(found.modified.Sub(found.now))); err != nil {
		return err
	}
	if !applied {
		return errDoubtful
	}
	return k.prompt(d)
}

func (k *keeper) owns(s saved) bool { return s.Lease != nil && s.Lease.ID == k.own.ID }

func (k *keeper) taken(s saved) error {
	if s.Lease == nil {
		return k.lose("it was unlocked, or its object removed", nil)
	}
	lost := k.lose("it was taken over by", nil)
	lost.By = &s.Lease.Holder
	return lost
}

// confirm notes what the store holds for the lease. A lease that ended before
// this write renewed it is over, even if nobody took it meanwhile: whoever saw it
// ended may have acted by hand.
func (k *keeper) confirm(ctx context.Context, s saved, since time.Time) error {
	slept := s.Lease != nil && s.modified.Sub(k.at) > k.ledger.options.Lease
	k.version, k.at, k.since = s.version, s.modified, since
	if !slept {
		return nil
	}
	free := s.document
	free.retire()
	// Where this fails, the next run waits until the lease has ended by itself.
	_, _ = k.ledger.write(ctx, free, k.version, k.sent)
	return k.lose("it had ended by the store's clock before it was renewed: this machine slept or was cut off", nil)
}
