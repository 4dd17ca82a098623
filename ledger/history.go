package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/growl-dev/deploy/rollout"
)

// History returns the last n finished runs, the latest first by the store's clock. Those at the key of before
// ([Options.Before]) are the oldest.
func (l *Ledger) History(ctx context.Context, n int) ([]Record, error) {
	var records []Record
	for r, err := range l.Runs(ctx) {
		if err != nil {
			return records, err
		}
		if len(records) >= n {
			break
		}
		records = append(records, r)
	}
	return records, nil
}

// Find returns one finished run, or ErrNotFound.
func (l *Ledger) Find(ctx context.Context, run string) (Record, error) {
	if err := checkName("run", run); err != nil {
		return Record{}, err
	}
	r, err := l.filed(ctx, run)
	if !absent(err) {
		return r, err
	}
	found, before, unread := l.look(ctx)
	if unread != nil {
		return Record{}, unread
	}
	for _, r := range append(found.unfiled(), before.unfiled()...) {
		if r.Result.Run == run {
			return r, nil
		}
	}
	if errors.Is(err, ErrHidden) {
		return Record{}, err
	}
	return Record{}, fmt.Errorf("find run %s in the history of %s: %w", run, l.key.environment, ErrNotFound)
}

// filed reads a run from the history, or else from that of before.
func (l *Ledger) filed(ctx context.Context, run string) (Record, error) {
	r, err := l.record(ctx, run)
	if l.before == nil || !absent(err) {
		return r, err
	}
	if r, old := l.before.record(ctx, run); !absent(old) {
		return r, old
	}
	return r, err
}

// absent reports whether an object does not exist, or is hidden.
func absent(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrHidden) }

// Good reports whether the run left its release, healthy, on the whole fleet.
func (r Record) Good() bool {
	digest := r.Result.Release.Digest()
	return digest != "" && r.Result.Outcome == rollout.Deployed && len(r.Result.Instances) > 0 &&
		!slices.ContainsFunc(r.Result.Instances, func(i rollout.InstanceResult) bool {
			return i.Release != digest || i.Outcome != rollout.Updated && i.Outcome != rollout.Unchanged
		})
}

// Runs iterates over the finished runs, the latest first by the store's clock and those at the key of before last. It reads
// each record when it comes to it, and ends at the first error.
func (l *Ledger) Runs(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		found, before, err := l.look(ctx)
		if err != nil {
			yield(Record{}, err)
			return
		}
		seen := map[string]bool{}
		if l.runs(ctx, found, seen, yield) && l.before != nil {
			l.before.runs(ctx, before, seen, yield)
		}
	}
}

// runs iterates over the runs of one key, without those that were seen, and reports whether to go on.
func (b *book) runs(ctx context.Context, found saved, seen map[string]bool, yield func(Record, error) bool) bool {
	for _, r := range found.unfiled() {
		seen[r.Result.Run] = true
		if !yield(r, nil) {
			return false
		}
	}
	names, err := b.names(ctx)
	if err != nil {
		yield(Record{}, err)
		return false
	}
	for _, run := range names {
		if seen[run] {
			continue
		}
		seen[run] = true
		if r, err := b.record(ctx, run); !yield(r, err) || err != nil {
			return false
		}
	}
	return true
}

// unfiled returns the finished runs that are not in the history yet, the latest first.
func (s saved) unfiled() []Record {
	var records []Record
	for _, raw := range slices.Backward(s.Finished) {
		r, _ := decodeRecord(raw) // it was checked when it was read
		records = append(records, r)
	}
	return records
}

// names returns the IDs of the runs in the history, the latest first.
func (b *book) names(ctx context.Context) ([]string, error) {
	infos, err := b.list(ctx, b.key.history())
	if err != nil {
		return nil, err
	}
	slices.SortFunc(infos, func(a, b Info) int {
		if later := b.Modified.Compare(a.Modified); later != 0 {
			return later
		}
		return strings.Compare(b.Key, a.Key) // run IDs begin with their time
	})
	runs := make([]string, len(infos))
	for i, info := range infos {
		runs[i] = strings.TrimPrefix(info.Key, b.key.history())
	}
	return runs, nil
}

func (b *book) list(ctx context.Context, prefix string) (infos []Info, err error) {
	err = b.patiently(ctx, func(ctx context.Context) error {
		infos, err = b.store.List(ctx, prefix)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", b.name(prefix), err)
	}
	return infos, nil
}

// record reads a finished run.
func (b *book) record(ctx context.Context, run string) (Record, error) {
	key := b.key.history() + run
	object, err := b.get(ctx, key)
	if err != nil {
		return Record{}, err
	}
	r, err := decodeRecord(object.Data)
	if err == nil && r.Result.Run != run {
		err = fmt.Errorf("it is of run %q", r.Result.Run)
	}
	if err != nil {
		return Record{}, &FormatError{Object: b.name(key), Reason: err}
	}
	return r, nil
}
