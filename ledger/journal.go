package ledger

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// journal is what the run that holds a lease recorded. It is bounded as it grows:
// of preparing, which takes no instance out, the latest entry of all stays, which
// shows that the run began; of the rest what recovery needs ([rollout.Outdated],
// [rollout.Lean]). Every entry is encoded once: in a large fleet the journal is
// written thousands of times.
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
	way := entriesOf(j.of[e.Instance])
	e = rollout.Lean(way, e)
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode the entry of %s: %w", e.Instance, err)
	}
	j.append(&line{Entry: e, text: text}, way)
	return nil
}

// append adds a line to those of its instance, way.
func (j *journal) append(added *line, way []rollout.Entry) {
	j.all = append(j.all, added)
	if added.Step == rollout.StepPrepare {
		if j.prepared != nil {
			j.prepared.dropped = true
		}
		j.prepared = added
		return
	}
	lines := j.of[added.Instance]
	for i, outdated := range rollout.Outdated(way, added.Entry) {
		lines[i].dropped = outdated
	}
	j.of[added.Instance] = append(kept(lines), added)
}

func kept(lines []*line) []*line {
	return slices.DeleteFunc(lines, func(l *line) bool { return l.dropped })
}

// lines are those that are kept, for a caller to keep in turn.
func (j *journal) lines() []*line {
	j.all = kept(j.all)
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
		j.append(&line{Entry: e}, entriesOf(j.of[e.Instance]))
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
