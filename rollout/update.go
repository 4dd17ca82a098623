package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// instanceUpdate takes one instance through a run. One goroutine at a time works on it.
type instanceUpdate struct {
	session  *session
	report   instanceReporter
	instance Instance
	// host is the connection to the instance; nil before it is made and after it is closed.
	host Host
	// release is the one that the instance shall run: the run's, or the one that it goes back to.
	release Release
	// before describes the container of before the run.
	before State
	// forward is the update that this one takes back; nil for an update to the run's release.
	forward *instanceUpdate

	registration *registration
	clearance    clearance
	meter        trafficMeter
	journal      *updateJournal

	// state shows how far the update has come. Its constants list what is true in each state.
	state updateState
	// running is the digest of the container that runs; empty if none is known to run.
	running string
	// closingOwed is the step of the journal's closing entry while that waits, because a failed call may still be applied.
	closingOwed StepName
	// unsettled is set if the run was broken off when the new container was registered, so that recovery has to finish.
	unsettled bool
	// notHealthy is the state of its targets in the last look of the run; empty if that found them healthy.
	notHealthy string
	err        error
	steps      []StepResult
}

func newInstanceUpdate(s *session, i Instance) *instanceUpdate {
	u := &instanceUpdate{
		session: s, report: instanceReporter{s, i.ID}, instance: i, release: s.Release,
		registration: &registration{balancer: s.Balancer},
		meter:        trafficMeter{evidence: evidence{policy: s.Policy.Drain}},
	}
	u.journal = &updateJournal{session: s, entry: func() Entry {
		return Entry{
			Instance: u.instance.ID, Targets: u.registration.targets, Unserved: !u.registration.wasHealthy(),
			Old: u.before.Release.Digest(), New: u.release.Digest(),
		}
	}}
	return u
}

// walk takes the instance through rows, beginning with the one at from. If a row fails, it is undone, and so are the
// rows before it, last first. The instance is then restored or out of service.
func (u *instanceUpdate) walk(ctx context.Context, rows []step, from int) {
	for i, row := range rows {
		if i < from {
			continue
		}
		if err := context.Cause(ctx); err != nil && !row.goesOn && !row.keeps {
			u.undo(ctx, rows[:i], err)
			return
		}
		err := u.record(ctx, row.name, doing, row.do)
		if err != nil && row.keeps && ctx.Err() != nil {
			u.err, u.unsettled = fmt.Errorf("%s: broken off, the new container is registered", row.name), true
			break
		}
		if err != nil && row.name == StepSettle {
			u.report.remark(row.name, "%s", oneLine(err)) // in service, and there is no way back any more
			break
		}
		if err != nil {
			u.undo(ctx, rows[:i+1], fmt.Errorf("%s: %w", row.name, err))
			return
		}
	}
	u.state = stateUpdated
}

// undo undoes rows, last first. The instance is in service again only if every compensation succeeded. It stays
// as it was if it was not deregistered, and the intent to undo that could not be written.
func (u *instanceUpdate) undo(ctx context.Context, rows []step, cause error) {
	u.err = cause
	if ctx.Err() != nil {
		u.session.eta.abandon()
	}
	for _, row := range slices.Backward(rows) {
		if row.undo == nil {
			continue
		}
		if err := u.record(ctx, row.name, undoing, row.undo); err != nil {
			if u.state == stateWaiting && errors.Is(err, errNoIntent) {
				return // this run did not deregister it
			}
			u.state = stateOutOfService
			u.err = errors.Join(cause, fmt.Errorf("undo %s: %w", row.name, err))
			return
		}
	}
	u.state = stateRestored
}

// record runs an act or a compensation between its intent and its outcome in the journal. It does not run the act if
// the intent could not be written.
func (u *instanceUpdate) record(ctx context.Context, name StepName, d direction, act func(*instanceUpdate, context.Context) (string, error)) error {
	result := StepResult{Name: name, Started: time.Now(), Undo: d == undoing}
	err := u.journal.intend(ctx, name, d.begun)
	if err == nil {
		u.report.emit(Event{Step: name, Kind: d.onBegin})
		result.Detail, err = act(u, ctx)
		if recorded := u.conclude(ctx, name, d.mark(err), err); recorded != nil && err == nil {
			err = fmt.Errorf("journal the outcome: %w", recorded)
		}
	}
	result.Finished = time.Now()
	if err != nil {
		result.Error = err.Error()
	} else if !result.Undo {
		u.session.eta.observe(name, result.Finished.Sub(result.Started))
	}
	u.steps = append(u.steps, result)
	u.report.emit(Event{Step: name, Kind: d.event(err), Detail: result.Detail, Err: err})
	return err
}

// direction distinguishes doing a row from undoing it, by the marks in the journal and the kinds of events.
type direction struct {
	begun, done                Mark
	onBegin, onDone, onFailure EventKind
}

var (
	doing   = direction{Begun, Done, StepBegun, StepDone, StepFailed}
	undoing = direction{Undoing, Undone, UndoBegun, UndoDone, UndoFailed}
)

// mark returns the mark of an act that ended with err.
func (d direction) mark(err error) Mark {
	if err != nil {
		return Failed
	}
	return d.done
}

// event returns the kind of event of an act that ended with err.
func (d direction) event(err error) EventKind {
	if err != nil {
		return d.onFailure
	}
	return d.onDone
}

// conclude journals an outcome. The entry that closes the update waits while a failed call may still be applied,
// because a run that inherits the journal has to look at this instance too.
func (u *instanceUpdate) conclude(ctx context.Context, name StepName, mark Mark, cause error) error {
	if closes := (Entry{Step: name, Mark: mark}).Closes(); closes && !u.registration.inDoubtSince.IsZero() {
		u.closingOwed = name
		return nil
	}
	return u.journal.write(ctx, name, mark, cause)
}

// connect opens the instance and reads what runs there.
func (u *instanceUpdate) connect(ctx context.Context) error {
	host, err := u.session.Connect(ctx, u.instance)
	if err != nil {
		return err
	}
	u.host, u.meter.service = host, host
	u.before, err = host.Inspect(ctx)
	if u.before.Runs(u.release.Digest()) {
		u.before.Release.Image = u.release.Image // one image can have several digests
	}
	if err == nil && u.before.InstanceID != u.instance.ID {
		err = fmt.Errorf("inspect %s: the machine at %s says it is %s: apply Terraform, or correct the addresses of the fleet", u.instance.ID, u.instance.Address, u.before.InstanceID)
	}
	return err
}

// disconnect closes the connection, because nothing more is done to the instance. A failing close loses nothing.
func (u *instanceUpdate) disconnect() {
	u.meter.stop()
	if u.host != nil {
		_ = u.host.Close()
		u.host, u.meter.service = nil, nil
	}
}

// watch samples the instance while it serves, so that silence may end its drain early.
func (u *instanceUpdate) watch(ctx context.Context) {
	if u.before.Running {
		u.meter.watch(ctx)
	}
}

// reportEnd reports that the instance's way through the run is over.
func (u *instanceUpdate) reportEnd() {
	u.report.emit(Event{Kind: InstanceEnded, Detail: string(u.state.outcome()), Err: u.err})
}
