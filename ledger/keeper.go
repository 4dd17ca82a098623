package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// keeper is the goroutine that writes the document of a lease: whenever something is recorded, and to renew the lease if
// nothing was recorded for a while.
type keeper struct {
	*Lease
	// version is the one that the next write replaces.
	version Version
	// at is the store's time of the last write that was applied. since is a local time that is no later than that.
	at, since time.Time
	// sent are the IDs of the attempts to write the present document, applied or not.
	sent map[string]bool
	// closing is set if the present document releases the lease, so that it is the last one.
	closing bool
}

// pace is the number of bytes that are written in a second at most. Every write contains the whole journal, so that in a
// large fleet, where many instances record at once, the entries of some milliseconds share one write.
const pace = 4 << 20

// keep writes until the lease is released or lost.
func (k *keeper) keep(ctx context.Context) {
	defer close(k.done)
	pause := k.untilRenewal()
	for {
		k.await(pause)
		d, c := k.pending()
		err := k.save(ctx, d)
		k.registered(d, k.at, err)
		over := k.endedBy(d, err)
		if over != nil && err != nil {
			err = over
		}
		k.conclude(c, err, over)
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

// await waits until something is recorded, or until the pause is over.
func (k *keeper) await(pause time.Duration) {
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

// untilRetry returns the pause after a write that failed. It is over when the lease ends at the latest.
func (k *keeper) untilRetry() time.Duration {
	return min(k.ledger.options.Renew/4, time.Until(k.expires()))
}

// expires returns when the lease has certainly ended, by the local clock. That may stand still while the store's goes on,
// but it never runs ahead.
func (k *keeper) expires() time.Time { return k.since.Add(k.ledger.options.Lease) }

// endedBy returns the error that ends the lease after a save; nil if it goes on.
func (k *keeper) endedBy(d document, err error) error {
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

// save writes d, again and again while the store is not available, but neither longer than Options.Patience nor after the
// lease has ended.
func (k *keeper) save(ctx context.Context, d document) error {
	options := k.ledger.options
	limit := time.Now().Add(options.Patience)
	if expires := k.expires(); expires.Before(limit) {
		limit = expires
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	if !k.closing {
		clear(k.sent) // an earlier document may still be applied, and is not this one
	}
	k.closing = d.Lease == nil
	for pause := options.firstPause(); ; pause = min(2*pause, options.lastPause()) {
		err := k.try(ctx, d)
		if !errors.Is(err, ErrUnavailable) || sleep(ctx, pause) != nil {
			return err
		}
		// If only responses get lost, the one to the next attempt would be lost too.
		if err := k.readBack(ctx, d); !errors.Is(err, ErrUnavailable) {
			return err
		}
	}
}

// errNotApplied makes save write again, because the lease is held, and the store has an older document.
var errNotApplied = fmt.Errorf("%w: the write was not applied", ErrUnavailable)

// try makes one attempt to write d. It returns nil if the store has d.
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
	return k.confirm(ctx, wrote, began)
}

// readBack reads the document to find out whether a write was applied, and who wrote it if it is another's.
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
		return k.lostTo(found)
	}
	if err := k.confirm(ctx, found, began.Add(found.modified.Sub(found.now))); err != nil {
		return err
	}
	if !applied {
		return errNotApplied
	}
	return nil
}

func (k *keeper) owns(s saved) bool { return s.Lease != nil && s.Lease.ID == k.own.ID }

func (k *keeper) lostTo(s saved) error {
	if s.Lease == nil {
		return k.lose("it was unlocked, or its object removed", nil)
	}
	lost := k.lose("it was taken over by", nil)
	lost.By = &s.Lease.Holder
	return lost
}

// confirm notes what the store has. A lease that ended before this write renewed it is lost, even if no run took it
// meanwhile, because a person who saw that it had ended may have acted by hand.
func (k *keeper) confirm(ctx context.Context, s saved, since time.Time) error {
	slept := s.Lease != nil && s.modified.Sub(k.at) > k.ledger.options.Lease
	k.version, k.at, k.since = s.version, s.modified, since
	if !slept {
		return nil
	}
	free := s.document
	free.retire()
	// If this fails, the next run has to wait until the lease ends by itself.
	_, _ = k.ledger.write(ctx, free, k.version, k.sent)
	return k.lose("it had ended by the store's clock before it was renewed: this machine slept or was cut off", nil)
}
