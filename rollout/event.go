package rollout

import "time"

// Event is one moment of a run, for those who watch it. Observers are called
// one at a time and must return quickly: the run waits for them.
type Event struct {
	Time time.Time
	// Instance is the instance ID; empty for what concerns the whole run.
	Instance string
	// Step is the row of the table; empty for what concerns the whole run.
	Step StepName
	Kind EventKind
	// Detail is a sentence for people: what a step saw, what is waited for.
	Detail string
	// Progress is set on Moved events of the pull.
	Progress *Progress
	// Err is set on StepFailed and UndoFailed, and on InstanceEnded of an instance that
	// was not updated. Log holds the last lines of the container whose failure Err
	// reports: they are not in its text.
	Err error
	Log []string
	// Left is set on Forecast: how long the run still takes.
	Left time.Duration
}

// EventKind says what happened.
type EventKind string

// What happens in a run, in the order a step knows them.
const (
	// StepBegun: the step's act begins.
	StepBegun EventKind = "begun"
	// StepMoved: the step goes on; Detail or Progress changed.
	StepMoved EventKind = "moved"
	// StepDone: the step ended well; Detail says what was seen.
	StepDone EventKind = "done"
	// StepFailed: the step ended with Err; its compensation follows.
	StepFailed EventKind = "failed"
	// UndoBegun, UndoDone and UndoFailed are the same for a step's compensation.
	UndoBegun  EventKind = "undo begun"
	UndoDone   EventKind = "undone"
	UndoFailed EventKind = "undo failed"
	// InstanceEnded: the instance's way through the run is over; Detail is its outcome.
	InstanceEnded EventKind = "ended"
	// Remarked: something worth a line that changes nothing.
	Remarked EventKind = "remark"
	// Forecast: the run will be over after Left, if nothing goes wrong; zero: it is
	// broken off or halted, and nobody can say. It is told when the run begins, and
	// again when the end has moved by a tenth of what is left, or a twentieth of the
	// whole.
	Forecast EventKind = "forecast"
)
