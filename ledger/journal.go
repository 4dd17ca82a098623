package ledger

import (
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// maxObject bounds an object in bytes: no larger one is written, so that each can be read again.
const maxObject = 16 << 20

// maxJournal is the size of a document above which no entry that begins a step is recorded. What is left below maxObject
// is for the entries that finish or undo what was begun, and for the result.
const maxJournal = maxObject / 2

// record adds an entry to the journal of the run that holds the lease. An entry that closes an instance's update removes
// the instance from the journals of earlier runs too, because nothing is left to be healed.
func (d *document) record(e rollout.Entry) {
	d.Lease.Entries = rollout.Append(d.Lease.Entries, e)
	d.registers = d.registers || registers(e)
	if !e.Closes() {
		return
	}
	d.Unfinished = slices.Clone(d.Unfinished)
	for i := range d.Unfinished {
		run := &d.Unfinished[i]
		run.Entries = slices.DeleteFunc(slices.Clone(run.Entries), func(before rollout.Entry) bool { return before.Instance == e.Instance })
	}
}

// registers reports whether an entry is the outcome of a registration.
func registers(e rollout.Entry) bool {
	switch e.Step {
	case rollout.StepRegister:
		return e.Mark == rollout.Done || e.Mark == rollout.Failed
	case rollout.StepDeregister:
		return e.Mark == rollout.Undone || e.Mark == rollout.Failed
	default:
		return false
	}
}

// checkRoom refuses to begin a step once a document of that size was written.
func checkRoom(e rollout.Entry, size int) error {
	if e.Mark != rollout.Begun || size <= maxJournal {
		return nil
	}
	return fmt.Errorf("%s of %s is not begun, because the journal has %d bytes of at most %d: deploy in smaller batches", e.Step, e.Instance, size, maxJournal)
}

// maxUnfinished bounds the runs that wait to be healed, because each recovery that is killed leaves one more.
const maxUnfinished = 16

// merge bounds the number of unfinished runs. The oldest stays as it is, because its journal shows what ran before all of
// them. The next two become one.
func merge(runs []Run) []Run {
	for len(runs) > maxUnfinished {
		merged := runs[2]
		merged.Entries = nil
		for _, e := range slices.Concat(runs[1].Entries, runs[2].Entries) {
			merged.Entries = rollout.Append(merged.Entries, e)
		}
		runs = slices.Concat(runs[:1], []Run{merged}, runs[3:])
	}
	return runs
}
