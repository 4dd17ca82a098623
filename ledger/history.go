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

// ErrNoGoodRun: the history holds no run to go back to.
var ErrNoGoodRun = errors.New("no run in the history deployed another release on the whole fleet")

// History returns the last n finished runs, the latest first by the store's
// clock. One that is not yet filed is among them.
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
	r, err := l.record(ctx, run)
	if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrHidden) {
		return r, err
	}
	found, unread := l.read(ctx)
	if unread != nil {
		return Record{}, unread
	}
	for _, r := range found.unfiled() {
		if r.Result.Run == run {
			return r, nil
		}
	}
	if errors.Is(err, ErrHidden) {
		return Record{}, err
	}
	return Record{}, fmt.Errorf("find run %s in the history of %s: %w", run, l.environment, ErrNotFound)
}

// LastGood returns the last run that deployed a release, other than the one with
// the given digest ("sha256:…"; empty: whichever), on every instance of the
// fleet. ErrNoGoodRun when there is none.
func (l *Ledger) LastGood(ctx context.Context, except string) (Record, error) {
	for r, err := range l.Runs(ctx) {
		if err != nil {
			return Record{}, err
		}
		if r.Good() && r.Result.Release.Digest() != except {
			return r, nil
		}
	}
	return Record{}, fmt.Errorf("find the last good run of %s: %w", l.environment, ErrNoGoodRun)
}

// Good reports whether the run left its release, healthy, on the whole fleet.
func (r Record) Good() bool {
	digest := r.Result.Release.Digest()
	return digest != "" && r.Result.Outcome == rollout.Deployed && len(r.Result.Instances) > 0 &&
		!slices.ContainsFunc(r.Result.Instances, func(i rollout.InstanceResult) bool {
			return i.Release != digest || i.Outcome != rollout.Updated && i.Outcome != rollout.Unchanged
		})
}

// Runs goes through the finished runs, the latest first by the store's clock, and reads each one when it is its turn. It
// ends at the first error.
func (l *Ledger) Runs(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		unfiled, runs, err := l.finished(ctx)
		if err != nil {
			yield(Record{}, err)
			return
		}
		for _, r := range unfiled {
			if !yield(r, nil) {
				return
			}
		}
		for _, run := range runs {
			if r, err := l.record(ctx, run); !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// unfiled are the finished runs that are on their way into the history, the latest first.
func (s saved) unfiled() []Record {
	var records []Record
	for _, raw := range slices.Backward(s.Finished) {
		r, _ := decodeRecord(raw) // it was checked when it was read
		records = append(records, r)
	}
	return records
}

// finished lists the runs that are not filed yet, and the names of those that are.
func (l *Ledger) finished(ctx context.Context) (unfiled []Record, runs []string, err error) {
	found, err := l.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	unfiled = found.unfiled()
	infos, err := l.list(ctx, l.history())
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(infos, func(a, b Info) int {
		if later := b.Modified.Compare(a.Modified); later != 0 {
			return later
		}
		return strings.Compare(b.Key, a.Key) // run IDs begin with their time
	})
	for _, info := range infos {
		run := strings.TrimPrefix(info.Key, l.history())
		if !slices.ContainsFunc(unfiled, func(r Record) bool { return r.Result.Run == run }) {
			runs = append(runs, run)
		}
	}
	return unfiled, runs, nil
}

func (l *Ledger) list(ctx context.Context, prefix string) (infos []Info, err error) {
	err = l.patiently(ctx, func(ctx context.Context) error {
		infos, err = l.store.List(ctx, prefix)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", l.name(prefix), err)
	}
	return infos, nil
}

// record reads a finished run.
func (l *Ledger) record(ctx context.Context, run string) (Record, error) {
	key := l.history() + run
	object, err := l.get(ctx, key)
	if err != nil {
		return Record{}, err
	}
	r, err := decodeRecord(object.Data)
	if err == nil && r.Result.Run != run {
		err = fmt.Errorf("it is of run %q", r.Result.Run)
	}
	if err != nil {
		return Record{}, &FormatError{Object: l.name(key), Reason: err}
	}
	return r, nil
}
