package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// Finish ends the run with its result and releases the lease, in one write, and then writes the result into the history. It
// may be called again after an error. If the process is killed in between, the next run writes the history.
func (l *Lease) Finish(ctx context.Context, result rollout.Result) error {
	if result.Run != l.own.RunID {
		return fmt.Errorf("finish run %s: the result is of run %q", l.own.RunID, result.Run)
	}
	finished, err := encodeRecord(Record{Holder: l.own.Holder, Began: l.own.Began, Result: result})
	if err != nil {
		return fmt.Errorf("finish run %s: %w", result.Run, err)
	}
	err = l.commit(ctx, func(d *document) error { return l.finish(d, finished) })
	if errors.Is(err, ErrLost) && l.ledger.has(ctx, result.Run) {
		return nil // it was written, the response was lost, and the next run wrote the history
	}
	if err == nil || errors.Is(err, ErrReleased) && l.hasFinished() {
		err = l.ledger.fileAll(ctx)
	}
	if err != nil {
		return fmt.Errorf("finish run %s: %w", result.Run, err)
	}
	return nil
}

// finish is called with l.mu held.
func (l *Lease) finish(d *document, record json.RawMessage) error {
	switch {
	case l.finished:
		return nil // the write is waited for again
	case d.Lease == nil:
		return ErrReleased
	}
	d.Lease = nil
	d.Finished = append(slices.Clip(d.Finished), record)
	l.finished = true
	return nil
}

func (l *Lease) hasFinished() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.finished
}

// Healed writes the inherited runs into the history, because nothing is left to do for them. Each has the result with its
// run ID, or else is recorded as interrupted and healed by this run. The lease is kept.
func (l *Lease) Healed(ctx context.Context, results ...rollout.Result) error {
	if len(l.inherited) == 0 {
		return nil
	}
	var finished []json.RawMessage
	for _, run := range l.inherited {
		data, err := encodeRecord(Record{Holder: run.Holder, Began: run.Began, Result: l.resultOf(run, results)})
		if err != nil {
			return fmt.Errorf("file run %s: %w", run.RunID, err)
		}
		finished = append(finished, data)
	}
	err := l.commit(ctx, func(d *document) error {
		if d.Lease == nil {
			return ErrReleased
		}
		d.Unfinished, d.Finished = nil, finished
		return nil
	})
	if err != nil {
		return fmt.Errorf("file the runs that were healed: %w", err)
	}
	if err := l.ledger.file(ctx, finished); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next.Lease != nil {
		l.next.Finished = nil // the next write removes them
	}
	return nil
}

func (l *Lease) resultOf(run Run, results []rollout.Result) rollout.Result {
	for _, r := range results {
		if r.Run == run.RunID {
			return r
		}
	}
	return rollout.Result{
		Run: run.RunID, Environment: l.ledger.key.environment, Outcome: rollout.Interrupted,
		Release: run.Release, Started: run.Began, Finished: l.own.Began,
		Error: "ended without a result, healed by run " + l.own.RunID,
	}
}

// fileAll writes the finished runs of the document into the history, and removes them from the document.
func (b *book) fileAll(ctx context.Context) error {
	_, err := b.update(ctx, func(found saved) (document, error) {
		if len(found.Finished) == 0 {
			return document{}, errUnchanged
		}
		next := found.document
		next.Finished = nil
		return next, b.file(ctx, found.Finished)
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// errUnchanged ends an update that has nothing to change.
var errUnchanged = errors.New("unchanged")

// file writes records into the history. A record that is there already is left as it is, because the process that wrote it
// was killed or received no response.
func (b *book) file(ctx context.Context, records []json.RawMessage) error {
	for _, raw := range records {
		r, err := decodeRecord(raw)
		if err != nil {
			return &FormatError{Object: b.name(b.key.current()), Reason: err}
		}
		key := b.key.history() + r.Result.Run
		err = b.patiently(ctx, func(ctx context.Context) error { return b.create(ctx, key, raw) })
		if err != nil && !errors.Is(err, ErrConflict) {
			return fmt.Errorf("write %s: %w", b.name(key), err)
		}
	}
	return nil
}

// create makes one attempt to write an object that is never changed. It returns nil if the object is there although the
// store's response was an error.
func (b *book) create(ctx context.Context, key string, data []byte) error {
	_, err := b.store.Put(ctx, key, data, Absent)
	if !errors.Is(err, ErrUnavailable) {
		return err
	}
	if _, missing := b.store.Get(ctx, key); missing != nil {
		return err
	}
	return nil
}

// has reports whether a run is in the history.
func (b *book) has(ctx context.Context, run string) bool {
	_, err := b.get(ctx, b.key.history()+run)
	return err == nil
}
