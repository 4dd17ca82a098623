package ledger

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// journal is what the run that holds a lease recorded. It is bounded as it grows,
// and loses nothing that recovery asks it for: which instances are taken out,
// since when, and whether they were on their way back. Every entry is encoded
// once: in a large fleet the journal is written thousands of times.
//
// Of all preparing, which takes no instance out, the latest entry stays: it shows
// that the run began. Of each instance that was taken out the first entry stays:
// what it ran and where it was registered before. Of one in flight also the
// latest of each step and mark. Of one whose way through the run is over, only
// what says so: that it joined, and the last entry.
type journal struct {
	all      []*line            // in the order it was recorded, with lines that were dropped since
	of       map[string][]*line // an instance's, once it was taken out
	prepared *line
}

// line is an entry of the journal, and the same as JSON. Neither changes.
type line struct {
	rollout.Entry
	text    []byte
	dropped bool // the journal's alone
}

func newJournal() *journal { return &journal{of: map[string][]*line{}} }

func (j *journal) add(e rollout.Entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode the entry of %s: %w", e.Instance, err)
	}
	j.append(&line{Entry: e, text: text})
	return nil
}

func (j *journal) append(added *line) {
	e := added.Entry
	j.all = append(j.all, added)
	if e.Step == rollout.StepPrepare {
		j.drop(j.prepared)
		j.prepared = added
		return
	}
	kept := j.of[e.Instance][:0]
	for n, l := range j.of[e.Instance] {
		if n == 0 || l.outlives(e) {
			kept = append(kept, l)
		} else {
			j.drop(l)
		}
	}
	j.of[e.Instance] = append(kept, added)
}

func (j *journal) drop(l *line) {
	if l != nil {
		l.dropped = true
	}
}

// outlives reports whether a line says something that a later entry of the same
// instance does not.
func (l *line) outlives(e rollout.Entry) bool {
	joined := l.Step == rollout.StepJoin && l.Mark == rollout.Done
	return (l.Step != e.Step || l.Mark != e.Mark) && (joined || !e.Closes())
}

// lines are those that are kept, for a caller to keep in turn.
func (j *journal) lines() []*line {
	j.all = slices.DeleteFunc(j.all, func(l *line) bool { return l.dropped })
	return slices.Clone(j.all)
}

func entriesOf(lines []*line) []rollout.Entry {
	entries := make([]rollout.Entry, len(lines))
	for i, l := range lines {
		entries[i] = l.Entry
	}
	return entries
}

// compact bounds a journal that was read.
func compact(entries []rollout.Entry) []rollout.Entry {
	j := newJournal()
	for _, e := range entries {
		j.append(&line{Entry: e})
	}
	return entriesOf(j.lines())
}

// maxUnfinished bounds the runs that wait for being healed: each recovery that
// is killed leaves one more.
const maxUnfinished = 16

// merge bounds the number of unfinished runs. The oldest, which knows what was
// there before, keeps its name; the next two become one.
func merge(runs []Run) []Run {
	for len(runs) > maxUnfinished {
		merged := runs[2]
		merged.Entries = compact(slices.Concat(runs[1].Entries, runs[2].Entries))
		runs = slices.Concat(runs[:1], []Run{merged}, runs[3:])
	}
	return runs
}
