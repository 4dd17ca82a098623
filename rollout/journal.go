package rollout

import (
	"context"
	"time"
)

// Journal takes the intent of every act before it begins and its outcome after
// it ended. An error from Record means the act must not happen.
type Journal interface {
	Record(ctx context.Context, e Entry) error
}

// Mark says which moment of a step an entry records.
type Mark string

// The moments of a step, and of its compensation.
const (
	Begun   Mark = "begun"
	Done    Mark = "done"
	Failed  Mark = "failed"
	Undoing Mark = "undoing"
	Undone  Mark = "undone"
)

// Entry is one line of the journal: with those before it of the same instance, enough
// to finish or undo the step by another process. It never holds a secret.
type Entry struct {
	Time     time.Time `json:"time"`
	Instance string    `json:"instance"`
	Step     StepName  `json:"step"`
	Mark     Mark      `json:"mark"`
	// Targets are the instance's registrations before the run: what joining
	// again restores.
	Targets []Target `json:"targets,omitempty"`
	// Old and New are the digests of the container it ran before and the release.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
	// Unserved is set where the load balancer did not call the instance healthy when
	// the run began: whoever puts it back need not wait for that.
	Unserved bool `json:"unserved,omitempty"`
	// Error is why the step failed.
	Error string `json:"error,omitempty"`
}

// Closes reports whether the entry ends its instance's way through a run: settled,
// or undone up to its registration. Recovery has nothing left to do there.
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

// noJournal is the journal of a caller who accepts that a killed process leaves no trace.
type noJournal struct{}

func (noJournal) Record(context.Context, Entry) error { return nil }
