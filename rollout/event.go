package rollout

import "time"

// Event is one moment of a run, for an observer. Observers are called with one event at a
// time and have to return at once, because the run waits for them. One that may be slow
// needs a buffer in front of it, as package deploy has.
type Event struct {
	Time time.Time
	// Instance is the instance ID; empty for what concerns the whole run.
	Instance string
	// Step is the row of the table; empty for what concerns the whole run.
	Step StepName
	Kind EventKind
	// Detail is a sentence for people, on what a step saw or what the run waits for.
	Detail string
	// Progress is set on Moved events of the pull.
	Progress *Progress
	// Err is set on StepFailed and UndoFailed, and on InstanceEnded of an instance that
	// was not updated. Log holds the last lines of the container whose failure Err
	// reports, because the text of an error does not hold them.
	Err error
	Log []string
	// Left is set on Forecast: how long the run still takes.
	Left time.Duration
}

// EventKind is the kind of an event.
type EventKind string

// The kinds of events, in the order in which they can occur in a step.
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
	// Forecast: the run will be over after Left, if nothing goes wrong. Zero: there is no
	// estimate, because the run is broken off or halted. The event comes when the run
	// begins, and again when the end has moved by a tenth of what is left, or by a
	// twentieth of the whole.
	Forecast EventKind = "forecast"
)
