package rollout

import (
	"context"
	"errors"
	"time"
)

// Journal stores the intent of every act before the act begins, and its outcome after
// the act ended. If Record returns an error for an intent, the act does not begin.
type Journal interface {
	Record(ctx context.Context, e Entry) error
}

// ErrLost is wrapped by an error of Record if the run lost its lease, so that no entry of it will be written any more.
var ErrLost = errors.New("the lease is lost")

// Mark is the moment of a step that an entry records.
type Mark string

// The moments of a step, and of its compensation.
const (
	Begun   Mark = "begun"
	Done    Mark = "done"
	Failed  Mark = "failed"
	Undoing Mark = "undoing"
	Undone  Mark = "undone"
)

// Entry is one line of the journal. Together with the entries before it of the same
// instance it holds enough for another process to finish or undo the step. It never
// holds a secret.
type Entry struct {
	Time     time.Time `json:"time"`
	Instance string    `json:"instance"`
	Step     StepName  `json:"step"`
	Mark     Mark      `json:"mark"`
	// Seconds is set on intents of acts: the time within which the act must have been sent, counted from before the entry
	// was written. It is a duration because the clocks of two machines are never compared.
	Seconds int `json:"seconds,omitempty"`
	// Targets are the registrations of the instance before it left. Recovery restores them.
	Targets []Target `json:"targets,omitempty"`
	// Old and New are the digests of the container it ran before and the release.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
	// Unserved is set if the load balancer did not call the instance healthy when the
	// run began, so that recovery does not wait for health.
	Unserved bool `json:"unserved,omitempty"`
	// Error is why the step failed.
	Error string `json:"error,omitempty"`
}

// Closes reports whether the entry ends its instance's way through a run, because it is
// settled or undone up to its registration. Recovery has nothing left to do for it.
func (e Entry) Closes() bool {
	switch e.Step {
	case StepSettle:
		return e.Mark == Done || e.Mark == Failed
	case StepDeregister:
		return e.Mark == Undone
	default:
		return false
	}
}

// begins reports whether the entry is the intent that begins an update. What was recorded of the instance before belongs
// to another update, because a run begins none before the last one is over, even if its closing entry was never written.
func (e Entry) begins() bool { return e.Step == StepDeregister && e.Mark == Begun }

// changes reports whether a step changes something that serves, so that its acts need a fresh intent.
func (n StepName) changes() bool { return n != StepPrepare && n != StepProve && n != StepJoin }

// intends reports whether the entry is the intent of an act, so that the act may still be sent for some time.
func (e Entry) intends() bool {
	return e.Step.changes() && (e.Mark == Begun || e.Mark == Undoing)
}

// noJournal is the journal of a run that was given none. It stores nothing.
type noJournal struct{}

func (noJournal) Record(context.Context, Entry) error { return nil }
