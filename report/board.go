package report

import (
	"sync"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// board holds the state of a run while it happens. Events are written to it and the screen is drawn from it, so that a
// terminal whose user pressed Ctrl-S never holds up the run.
type board struct {
	mu      sync.Mutex
	o       Options
	started time.Time
	ended   time.Time
	outcome rollout.Outcome
	note    string // about the whole run
	rows    []*row
	byID    map[string]*row
	remarks []string // not shown yet
	// ends is the time at which the run will be over, by the latest estimate; zero if there is none.
	ends time.Time
}

// row is one instance.
type row struct {
	name     string
	step     rollout.StepName
	undo     bool
	begun    time.Time // its first step
	since    time.Time // the current step
	ended    time.Time
	detail   string
	health   string
	progress rollout.Progress
	failure  string
	idle     bool // prepared, and not its turn yet
	outcome  rollout.InstanceOutcome
}

func newBoard(o Options) *board {
	b := &board{o: o, started: o.Started, byID: map[string]*row{}}
	for _, i := range o.Instances {
		b.add(i.ID, nameOf(i))
	}
	return b
}

func (b *board) add(id, name string) *row {
	r := &row{name: name}
	b.rows = append(b.rows, r)
	b.byID[id] = r
	return r
}

// row returns the instance's row, and makes one for an instance that has none yet.
func (b *board) row(id, name string) *row {
	if r, known := b.byID[id]; known {
		return r
	}
	return b.add(id, name)
}

func (b *board) observe(e rollout.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.started.IsZero() {
		b.started = e.Time
	}
	detail := Clean(e.Detail)
	if e.Kind == rollout.Forecast {
		b.ends = time.Time{}
		if e.Left > 0 {
			b.ends = e.Time.Add(e.Left)
		}
		return
	}
	if e.Instance == "" {
		b.recordAside("run", e.Kind, detail)
		return
	}
	r := b.row(e.Instance, Clean(e.Instance))
	if e.Kind == rollout.Remarked {
		b.recordAside(r.name, e.Kind, detail)
		return
	}
	if e.Kind == rollout.StepBegun {
		b.note = "" // the run no longer waits
	}
	r.observe(e, detail)
}

// recordAside records an event that is not a step of an instance.
func (b *board) recordAside(name string, kind rollout.EventKind, detail string) {
	if kind == rollout.Remarked {
		b.remarks = append(b.remarks, name+": "+detail)
		return
	}
	b.note = detail
}

// observe records an event of a step. It ignores one that arrives after the run's end.
func (r *row) observe(e rollout.Event, detail string) {
	if r.outcome != "" {
		return
	}
	switch e.Kind {
	case rollout.InstanceEnded:
		r.outcome, r.ended = rollout.InstanceOutcome(detail), e.Time
		return
	case rollout.StepBegun, rollout.UndoBegun:
		r.beginStep(e)
	case rollout.StepFailed, rollout.UndoFailed:
		r.failure = reason(e)
		detail = r.failure
	}
	if r.step != e.Step {
		r.beginStep(e)
	}
	r.detail = detail
	r.idle = e.Step == rollout.StepPrepare && e.Kind == rollout.StepDone
	if r.idle {
		r.since, r.progress = e.Time, rollout.Progress{}
	}
	if e.Progress != nil {
		r.progress = *e.Progress
	}
	if detail != "" && showsHealth(e.Step) {
		r.health = detail
	}
}

// beginStep begins a step, when its first event arrives.
func (r *row) beginStep(e rollout.Event) {
	if r.begun.IsZero() {
		r.begun = e.Time
	}
	r.step, r.since, r.detail, r.progress = e.Step, e.Time, "", rollout.Progress{}
	r.undo = e.Kind == rollout.UndoBegun || e.Kind == rollout.UndoDone || e.Kind == rollout.UndoFailed
}

// showsHealth reports whether a step's details are the load balancer's health.
func showsHealth(s rollout.StepName) bool {
	return s == rollout.StepDeregister || s == rollout.StepRegister || s == rollout.StepJoin
}

// finish records how the run ended, which the document states better than the events.
func (b *board) finish(d Document) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended, b.outcome = d.Finished, d.Outcome
	for _, i := range d.Instances {
		r := b.row(i.ID, nameOf(rollout.Instance{ID: i.ID, Name: i.Name}))
		r.outcome = i.Outcome
		if i.Error != "" {
			r.failure = failure(i)
		}
		if r.ended.IsZero() {
			r.ended = d.Finished
		}
	}
}

// takeRemarks returns the remarks that were not shown yet.
func (b *board) takeRemarks() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.remarks
	b.remarks = nil
	return taken
}
