package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// UnfinishedRun is a run that ended without putting its instances back, for example
// because its process was killed.
type UnfinishedRun struct {
	// Run is its ID.
	Run string
	// Release is the image that it rolled out.
	Release Release
	// Entries is its journal, in order, with that of a recovery which died too.
	Entries []Entry
	// ActsUntil is the time from which on none of its acts can be sent any more, by this machine's clock. Heal waits for it
	// before it looks at anything. Zero: all acts have ended.
	ActsUntil time.Time
	// Written is a time, by this machine's clock, before which the last entry was written. Zero: it is not known.
	Written time.Time
}

// Heal puts every instance that a dead run had in flight back into service. What
// runs on the instance decides, because the journal shows only where to look: a new
// container that is proven stays and joins, and anything else goes back to the old
// one. Healing twice, or healing what a killed Heal left, is harmless. Of c's
// fields the release is not used.
func Heal(ctx context.Context, c Config, dead UnfinishedRun) (Result, error) {
	c.Release = dead.Release
	f, err := newFleet(c)
	if err != nil {
		return f.result(f.outcome(err), err), err
	}
	defer f.close()
	err = (&recovery{f, dead, unrecovered(dead.Entries)}).heal(ctx)
	return f.result(f.healedOutcome(err), err), err
}

// recovery puts the instances of a dead run back into service.
type recovery struct {
	*fleet
	dead   UnfinishedRun
	states map[string]recoveryState // by instance
}

func (r *recovery) heal(ctx context.Context) error {
	if err := r.awaitActs(ctx); err != nil {
		return err
	}
	r.selectInstances()
	if len(r.updates) == 0 {
		return nil
	}
	health, err := r.poller.health(ctx)
	if err != nil {
		return fmt.Errorf("read the target groups' health: %w", err)
	}
	r.unknown.find(health, r.report)
	var mu sync.Mutex
	var leaving updates
	r.each(r.updates, func(u *instanceUpdate) {
		if r.recover(ctx, u, health) {
			mu.Lock()
			defer mu.Unlock()
			leaving = append(leaving, u)
			return
		}
		u.reportEnd()
	})
	r.replaceContainers(ctx, r.updates.that(func(u *instanceUpdate) bool { return slices.Contains(leaving, u) }), health)
	r.verify(ctx, false)
	r.awaitRouted(ctx)  // because the next run counts on these instances
	r.verify(ctx, true) // names what a call of the dead run did meanwhile
	return errors.Join(r.updates.in(stateOutOfService).failure(), r.unresolved(ctx))
}

// awaitActs waits until the dead run cannot act any more, because what it changed after this run had looked at an
// instance would be overlooked. A signal ends the wait, and nothing was touched then.
func (r *recovery) awaitActs(ctx context.Context) error {
	left := time.Until(r.dead.ActsUntil)
	if r.dead.ActsUntil.IsZero() || left <= 0 {
		return nil
	}
	r.report.emit(Event{Kind: StepMoved, Detail: fmt.Sprintf("waiting %s, because an act of run %s may still be sent", round(left), r.dead.Run)})
	if err := sleep(ctx, left); err != nil {
		return fmt.Errorf("broken off before anything was looked at: %w", err)
	}
	return nil
}

// selectInstances keeps the instances that are to be recovered, and remarks on those that left the fleet.
func (r *recovery) selectInstances() {
	inFleet := map[string]bool{}
	r.updates = slices.DeleteFunc(r.updates, func(u *instanceUpdate) bool {
		inFleet[u.instance.ID] = true
		_, out := r.states[u.instance.ID]
		return !out
	})
	for id := range r.states {
		if !inFleet[id] {
			r.report.remark(fmt.Sprintf("%s was being updated when run %s died, but is not in the fleet any more", id, r.dead.Run))
		}
	}
}

// unresolved returns an error if recovery ended before it could be certain that all is well.
func (r *recovery) unresolved(ctx context.Context) error {
	if !r.updates.inDoubt() && !r.updates.unsettled() {
		return nil
	}
	return r.brokenOff(ctx, errors.New("a call to the load balancer failed and may still be applied: heal again"))
}

// replaceContainers puts the old containers back on instances that are registered with a new one that has to go. They leave
// by the capacity rule, because the load balancer may call them healthy, and others may have failed since the run died.
func (r *recovery) replaceContainers(ctx context.Context, leaving updates, health Health) {
	if len(leaving) == 0 {
		return
	}
	stay := func(us updates, err error) {
		for _, u := range us {
			u.state, u.err = stateOutOfService, fmt.Errorf("its new container failed and stays registered: %w: heal again when the others are healthy", err)
			u.reportEnd()
		}
	}
	groups, err := r.Balancer.Timing(ctx)
	if err != nil {
		stay(leaving, fmt.Errorf("read the target groups' timing: %w", err))
		return
	}
	r.rule = newCapacity(r.Policy, r.Instances, groups, nil, health)
	for batch := range slices.Chunk(leaving, r.Policy.Batch.Of(len(r.Instances))) {
		if err := r.reserve(ctx, batch); err != nil {
			stay(batch, err)
			continue
		}
		r.each(batch, func(u *instanceUpdate) {
			r.undoFrom(ctx, u, StepRegister)
			u.reportEnd()
		})
	}
}

// undoFrom undoes the rows of the table up to the last one that the dead run began.
func (r *recovery) undoFrom(ctx context.Context, u *instanceUpdate, last StepName) {
	u.undo(ctx, life[:index(last)+1], fmt.Errorf("run %s died with this instance out of service", r.dead.Run))
}

// recover puts one instance back into service. It returns true, and has changed nothing, if the instance has to leave the
// load balancer first.
func (r *recovery) recover(ctx context.Context, u *instanceUpdate, health Health) (leaves bool) {
	s := r.states[u.instance.ID]
	r.resume(u, s)
	if s.untouched() {
		r.registerUntouched(ctx, u, s.old)
		return false
	}
	err := u.connect(ctx)
	runs := u.before.Release.Digest()
	u.before.Release = r.releaseOf(s.old)
	runsNew := u.before.Running && runs == s.new
	missing, _ := u.registration.compare(health)
	switch {
	case s.joined && len(missing) == 0:
		r.settle(ctx, u, err == nil && runsNew)
		return false
	case err != nil:
		u.state, u.err = stateOutOfService, err
		return false
	}
	if runsNew && !s.undoing {
		if _, err := u.prove(ctx); err == nil {
			u.walk(ctx, life, index(r.joinFrom(u, s, health)))
			return false
		}
	}
	last := lastToUndo(s, u.before.Running, runsNew, len(missing) < len(u.registration.targets))
	if last == StepRegister {
		return true
	}
	r.undoFrom(ctx, u, last)
	return false
}

// joinFrom returns the row from which a proven container joins. If the journal holds the outcome of its registration, and
// the load balancer calls all its targets healthy, it is not registered again, and the routing lag is counted from the last
// time at which that outcome can have been written.
func (r *recovery) joinFrom(u *instanceUpdate, s recoveryState, health Health) StepName {
	if _, unhealthy := u.registration.compare(health); !s.registered || len(unhealthy) > 0 || r.dead.Written.IsZero() {
		return StepRegister
	}
	u.registration.registeredAt = r.dead.Written
	return StepJoin
}

// registerUntouched registers an instance that the dead run deregistered and did not change. It connects to the instance
// afterwards, so that one that cannot be reached stays in service.
func (r *recovery) registerUntouched(ctx context.Context, u *instanceUpdate, old string) {
	u.before.Release = r.releaseOf(old)
	failed := registerMissing(ctx, u, StepDeregister, u.registration.targets)
	if errors.Is(failed, errNoIntent) {
		u.state, u.err = stateOutOfService, failed
		return
	}
	reach := context.WithoutCancel(ctx) // also after a signal, because the service drains until it is told
	err := u.connect(reach)
	if err != nil && u.registration.wasHealthy() {
		if _, ill := u.awaitHealthy(ctx, StepDeregister); ill == nil {
			u.disconnect()
			err = u.connect(reach)
		}
	}
	last := StepDrain
	if err != nil {
		u.disconnect()
		u.report.remark(StepDeregister, "registered again without a look at it, so it may go on sending its clients away: %s", oneLine(err))
	} else if u.running = u.before.Release.Digest(); !u.before.Running {
		last = StepProve // the old container ended by itself
	}
	u.before.Release = r.releaseOf(old)
	r.undoFrom(ctx, u, last)
}

// resume makes the update continue where the dead run left the instance.
func (r *recovery) resume(u *instanceUpdate, s recoveryState) {
	u.state, u.release = stateOut, r.releaseOf(s.new)
	u.registration.targets = s.targets
	before := TargetHealthy
	if s.unserved {
		before = TargetUnhealthy
	}
	u.registration.before = nil
	for _, target := range u.registration.targets {
		u.registration.before = append(u.registration.before, TargetHealth{Target: target, State: before})
	}
	if !s.joined {
		u.registration.deregisteredAt = time.Now() // by the dead run, so that the last look is at this instance too
	}
	if s.open {
		// It was sent before ActsUntil, and may be applied for some time after that.
		u.registration.inDoubtSince = cmp.Or(r.dead.ActsUntil, time.Now())
	}
}

// lastToUndo returns the last row that has to be undone. running is set if any container runs, runsNew if it is the new
// one, and registered if the load balancer has a target of the instance.
func lastToUndo(s recoveryState, running, runsNew, registered bool) StepName {
	switch {
	case runsNew && (s.joining || registered):
		return StepRegister // the wrong container may receive traffic, so it drains first
	case !s.swapping && running:
		return StepDrain // no container was touched
	default:
		return StepProve
	}
}

// settle settles an instance that was in service already when the run died. An instance that cannot be settled costs
// nothing but a remark.
func (r *recovery) settle(ctx context.Context, u *instanceUpdate, runsNew bool) {
	u.state = stateSkipped
	if !runsNew {
		u.report.remark(StepSettle, "it may still have the old container of the run that died; its next update removes that")
		return
	}
	u.running = u.release.Digest()
	u.walk(ctx, life, index(StepSettle))
}

// releaseOf returns the release with this digest, which is the dead run's own if the digests agree.
func (r *recovery) releaseOf(digest string) Release {
	if digest == r.dead.Release.Digest() {
		return r.dead.Release
	}
	return Release{Image: r.dead.Release.Repository() + "@" + digest}
}
