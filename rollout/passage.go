package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ActTimeout bounds every act that changes something, such as one call of [Host.Stop].
// It is shorter than a lease of 60 s, so that a run that lost its lease is not still
// acting when the next one begins.
const ActTimeout = 55 * time.Second

// passage is one instance's way through a run. One goroutine walks it.
type passage struct {
	run      *run
	instance Instance
	host     Host
	// release is what it shall run: the run's, or what it goes back to.
	release Release
	before  State
	// origin is the passage that this one takes back; nil on the way forward.
	origin *passage

	// targets are the registrations the instance shall end with.
	targets []Target
	// registered is what it had when the run began; empty: it got no traffic.
	registered Health

	// same is set where it ran the release when the run began.
	same bool
	// soon is set where its traffic is measured while it prepares: it leaves then.
	soon bool
	// baseline is the first sample of its traffic, rate what was measured since.
	baseline   Traffic
	baselineAt time.Time
	rate       rate
	// taken is set once it was, or may have been, deregistered; gone is when the
	// load balancer last said so.
	taken bool
	gone  time.Time
	// entered is when it was last registered, or said to be joining; zero: before the
	// run. arrives is set once clients were seen to arrive since, by its only target.
	entered time.Time
	arrives bool
	// doubt is when a call to the load balancer last failed: it may still be applied.
	doubt time.Time
	// unclosed is set while the journal's closing entry waits for the doubt to end.
	unclosed bool

	outcome InstanceOutcome
	running string // digest it runs, as far as we know
	err     error
	steps   []StepResult
}

// walk takes the instance through rows, beginning with the one at from. A row
// that fails is undone, and so are those before it, last first; the instance then
// is Restored or Lost.
func (p *passage) walk(ctx context.Context, rows []step, from int) {
	for i, row := range rows {
		if i < from {
			continue
		}
		if err := context.Cause(ctx); err != nil && !row.goesOn && !row.keeps {
			p.back(ctx, rows[:i], err)
			return
		}
		err := p.step(ctx, row)
		if err != nil && row.keeps && ctx.Err() != nil {
			p.err = fmt.Errorf("%s: broken off, the new container is registered", row.name)
			break
		}
		if err != nil && row.name == StepSettle {
			p.remark(row.name, "%s", oneLine(err)) // in service, and no way back any more
			break
		}
		if err != nil {
			p.back(ctx, rows[:i+1], fmt.Errorf("%s: %w", row.name, err))
			return
		}
	}
	p.outcome = Updated
}

// back undoes rows, last first. Only an instance whose every compensation
// succeeded is in service again.
func (p *passage) back(ctx context.Context, rows []step, cause error) {
	p.err = cause
	p.outcome = Restored
	if ctx.Err() != nil {
		p.run.eta.abandon()
	}
	for _, row := range slices.Backward(rows) {
		if row.undo == nil {
			continue
		}
		if err := p.undo(ctx, row); err != nil {
			p.outcome = Lost
			p.err = errors.Join(cause, fmt.Errorf("undo %s: %w", row.name, err))
			return
		}
	}
}

// step does one row: intent, act, outcome.
func (p *passage) step(ctx context.Context, row step) error {
	return p.record(ctx, row, row.do, false)
}

// undo takes one row back, with an intent and an outcome of its own.
func (p *passage) undo(ctx context.Context, row step) error {
	return p.record(ctx, row, row.undo, true)
}

// record runs one act between its intent and its outcome. Without the intent
// there is no act.
func (p *passage) record(ctx context.Context, row step, act func(*passage, context.Context) (string, error), undo bool) error {
	words := doing
	if undo {
		words = undoing
	}
	result := StepResult{Name: row.name, Started: time.Now(), Undo: undo}
	err := p.journal(ctx, row.name, words.begun, nil)
	if err != nil {
		err = fmt.Errorf("%w: %w", errNoIntent, err)
	} else {
		p.emit(Event{Step: row.name, Kind: words.begins})
		result.Detail, err = act(p, ctx)
		if recorded := p.conclude(ctx, row.name, words.ended(err), err); recorded != nil && err == nil {
			err = fmt.Errorf("journal the outcome: %w", recorded)
		}
	}
	result.Finished = time.Now()
	if err != nil {
		result.Error = err.Error()
	} else if !undo {
		p.run.eta.observe(row.name, result.Finished.Sub(result.Started))
	}
	p.steps = append(p.steps, result)
	p.emit(Event{Step: row.name, Kind: words.ends(err), Detail: result.Detail, Err: err})
	return err
}

// errNoIntent ends everything that this run may still do to the instance.
var errNoIntent = errors.New("journal the intent")

// vocabulary is how an act or a compensation is spoken of.
type vocabulary struct {
	begun, done, failed  Mark
	begins, well, poorly EventKind
}

var (
	doing   = vocabulary{Begun, Done, Failed, StepBegun, StepDone, StepFailed}
	undoing = vocabulary{Undoing, Undone, Failed, UndoBegun, UndoDone, UndoFailed}
)

func (v vocabulary) ended(err error) Mark {
	if err != nil {
		return v.failed
	}
	return v.done
}

func (v vocabulary) ends(err error) EventKind {
	if err != nil {
		return v.poorly
	}
	return v.well
}

// conclude journals an outcome. The one that closes the passage waits while a failed
// call may still be applied: whoever inherits the journal has to look there too.
func (p *passage) conclude(ctx context.Context, name StepName, mark Mark, cause error) error {
	if !p.doubt.IsZero() && p.entry(name, mark, cause).Closes() {
		p.unclosed = true
		return nil
	}
	return p.journal(ctx, name, mark, cause)
}

func (p *passage) journal(ctx context.Context, name StepName, mark Mark, cause error) error {
	e := p.entry(name, mark, cause)
	return act(ctx, func(ctx context.Context) error { return p.run.Journal.Record(ctx, e) })
}

func (p *passage) entry(name StepName, mark Mark, cause error) Entry {
	e := Entry{
		Time:     time.Now(),
		Instance: p.instance.ID,
		Step:     name,
		Mark:     mark,
		Targets:  p.targets,
		Old:      p.before.Release.Digest(),
		New:      p.release.Digest(),
		Unserved: !p.served(),
	}
	if cause != nil {
		e.Error = cause.Error()
	}
	return e
}

// act runs a call that changes something: never cancelled half-way, because a
// cancelled call may still be applied, after its opposite even.
func act(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ActTimeout)
	defer cancel()
	return call(ctx)
}

// enter registers targets of the instance; quit deregisters all of them. An
// error of either leaves it open whether the call was, or will be, applied.
func (p *passage) enter(ctx context.Context, targets []Target) error {
	err := act(ctx, func(ctx context.Context) error { return p.run.Balancer.Register(ctx, targets) })
	p.entered, p.arrives = time.Now(), false
	return p.certain(err)
}

func (p *passage) quit(ctx context.Context) error {
	p.taken = true
	err := act(ctx, func(ctx context.Context) error { return p.run.Balancer.Deregister(ctx, p.targets) })
	p.gone = time.Now()
	return p.certain(err)
}

func (p *passage) certain(err error) error {
	if err != nil {
		p.doubt = time.Now()
	}
	return err
}

// part ends the connection to an instance to which nothing more is done.
func (p *passage) part() {
	if p.host != nil {
		_ = p.host.Close()
		p.host = nil
	}
}

func (p *passage) emit(e Event) {
	e.Instance, e.Log = p.instance.ID, logLines(e.Err)
	p.run.report.emit(e)
}

// moved tells observers how a step goes on.
func (p *passage) moved(name StepName, detail string) {
	p.emit(Event{Step: name, Kind: StepMoved, Detail: detail})
	p.run.eta.announce()
}

// remark says something that changes nothing, in the report too.
func (p *passage) remark(name StepName, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.run.report.remark(p.instance.ID + ": " + text)
	p.emit(Event{Step: name, Kind: Remarked, Detail: text})
}

func (p *passage) result() InstanceResult {
	r := InstanceResult{
		ID: p.instance.ID, Name: p.instance.Name, Zone: p.instance.Zone,
		Outcome: p.outcome, Release: p.running, Steps: p.steps,
	}
	if p.err != nil {
		r.Error, r.Log = oneLine(p.err), logLines(p.err)
	}
	return r
}
