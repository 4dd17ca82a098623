package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// doubtTime is the time in which the load balancer may still apply a call that returned an error.
const doubtTime = 60 * time.Second

// closingTimeout bounds the last look of a run that was broken off, because such a run has to end at once.
const closingTimeout = 2 * time.Second

// verify checks the end of a run. It finds instances that joined the target groups meanwhile, those that somebody else took
// out, and those that are to serve and are not healthy; for the latter it waits until the time for health is over. While a
// failed call may still be applied, it polls the instances that the run put back, and registers them again if necessary. A
// run that is broken off leaves that to recovery, as its journal shows, and looks once. Unless look is set, verify reads
// health only if a call is in doubt.
func (f *fleet) verify(ctx context.Context, look bool) {
	limited, cancel := context.WithTimeout(ctx, doubtTime+f.Policy.Health)
	defer cancel()
	var ill updates
	var seen Health
	for again := look; limited.Err() == nil && (again || len(ill) > 0 || f.updates.inDoubt()); {
		again = false
		began := time.Now()
		health, err := f.poller.health(limited)
		if err != nil {
			if limited.Err() == nil {
				f.report.remark("target health could not be verified at the end: " + oneLine(err))
			}
			continue
		}
		seen = health
		f.unknown.find(health, f.report)
		f.updates.noteTakenOut(health)
		if ill = f.unhealthy(health); !f.updates.inDoubt() {
			continue
		}
		missing := f.reregisterMissing(limited, health)
		again = len(missing) > 0 // health is from before they were registered
		f.awaitReregistered(limited, missing)
		if err := f.resolveInDoubt(limited, began); err != nil {
			f.report.remark(oneLine(err))
			break
		}
	}
	if limited.Err() != nil { // also after a signal: they were not healthy when it came
		markOutOfService(ill)
	}
	if look && ctx.Err() != nil {
		seen = f.lookOnce(ctx)
	}
	if seen != nil || look && ctx.Err() != nil {
		f.updates.noteHealth(seen)
	}
	if look && f.updates.inDoubt() {
		f.report.remark("a call to the load balancer failed and may still be applied: recovery looks again")
	}
}

// lookOnce reads health although the run was broken off. It returns nil if that fails.
func (f *fleet) lookOnce(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTimeout)
	defer cancel()
	health, err := f.Balancer.Health(ctx)
	if err != nil {
		f.report.remark("target health could not be read at the end: " + oneLine(err))
		return nil
	}
	f.unknown.find(health, f.report)
	f.updates.noteTakenOut(health)
	return health
}

// noteTakenOut notes the targets that somebody else deregistered, and names their instances.
func (us updates) noteTakenOut(health Health) {
	for _, u := range us {
		if u.state == stateSkipped || u.state == stateOut || u.state == stateOutOfService {
			continue
		}
		if fresh := u.registration.noteTakenOut(health); len(fresh) > 0 {
			u.report.remark(StepRegister, "%s", takenOut(fresh))
		}
	}
}

// takenOut returns a sentence on targets that somebody else deregistered during the run.
func takenOut(targets []Target) string {
	return fmt.Sprintf("out of its target groups (%s), deregistered by somebody else", placesOf(targets))
}

// noteHealth notes what the last look of the run showed of each instance; health is nil if there was none.
func (us updates) noteHealth(health Health) {
	for _, u := range us {
		switch {
		case u.state == stateSkipped || u.state == stateOutOfService:
		case health == nil && putBack(u):
			u.notHealthy = "not seen"
		case health != nil:
			noteHealth(u, health)
		}
	}
}

// noteHealth notes what the last look of the run showed of the instance.
func noteHealth(u *instanceUpdate, health Health) {
	if out := u.registration.stillTakenOut(health); len(out) > 0 {
		u.state, u.err = stateOutOfService, errors.Join(u.err, errors.New(takenOut(out)))
		u.reportEnd()
		return
	}
	if _, unhealthy := u.registration.compare(health); len(unhealthy) > 0 {
		u.notHealthy = unhealthy.String()
	}
}

// anyAiling reports whether an instance that ran the release already was not healthy when the run began.
func (us updates) anyAiling() bool {
	return slices.ContainsFunc(us, func(u *instanceUpdate) bool {
		return u.state == stateCurrent && !u.registration.wasHealthy()
	})
}

// unhealthy returns the instances that are to serve and are not healthy.
func (f *fleet) unhealthy(health Health) updates {
	var ill updates
	for _, u := range f.updates {
		serves := u.state == stateCurrent || putBack(u) && (u.state == stateUpdated || u.registration.wasHealthy())
		missing, unhealthy := u.registration.compare(health)
		again := len(missing) > 0 && !u.registration.inDoubtSince.IsZero() // it is registered again
		if !serves || again || len(unhealthy) == 0 {
			continue
		}
		f.report.emit(Event{Kind: StepMoved, Detail: fmt.Sprintf("waiting for %s: %s", u.instance.ID, unhealthy)})
		ill = append(ill, u)
	}
	return ill
}

// markOutOfService notes that instances ended out of service after all.
func markOutOfService(ill updates) {
	for _, u := range ill {
		why := "it was in service, and the load balancer does not call it healthy any more"
		if u.state == stateCurrent {
			why = "it runs the release, and the load balancer does not call it healthy"
		}
		u.state, u.err = stateOutOfService, errors.Join(u.err, errors.New(why))
		u.reportEnd()
	}
}

// reregisterMissing registers instances that this run put back into service and that are missing from a target group.
// That happens because AWS can apply a Deregister call after its caller gave up on it, which undoes the Register call
// that followed. It returns the instances that were missing.
func (f *fleet) reregisterMissing(ctx context.Context, health Health) updates {
	var reregistered updates
	for _, u := range f.updates.that(putBack) {
		missing, _ := u.registration.compare(health)
		if len(missing) == 0 {
			continue
		}
		reregistered = append(reregistered, u)
		u.closingOwed = StepDeregister
		if u.state == stateUpdated {
			u.closingOwed = StepSettle
		}
		u.report.remark(StepRegister, "found out of its target groups after it was put back: registered again")
		if err := registerMissing(ctx, u, u.state.lastStep(), missing); err != nil {
			u.registration.inDoubtSince = time.Now() // a later look has to find it registered
			u.report.remark(StepRegister, "%s", oneLine(err))
		}
	}
	return reregistered
}

// awaitReregistered waits until instances that had to be registered again are healthy, unless they were not before.
func (f *fleet) awaitReregistered(ctx context.Context, us updates) {
	f.each(us, func(u *instanceUpdate) {
		if u.state == stateRestored && !u.registration.wasHealthy() {
			return
		}
		_, err := u.awaitHealthy(ctx, u.state.lastStep())
		if err != nil && ctx.Err() == nil {
			u.state, u.err = stateOutOfService, fmt.Errorf("registered again: %w", err)
		}
	})
}

// inDoubt reports whether a failed call may still be applied, or may have been since the last look.
func (us updates) inDoubt() bool {
	return slices.ContainsFunc(us, func(u *instanceUpdate) bool {
		return putBack(u) && (u.closingOwed != "" || !u.registration.inDoubtSince.IsZero())
	})
}

// resolveInDoubt ends the doubt about calls that failed so long before the look which began then that it would have
// shown them. It also writes the closing entries that had to wait.
func (f *fleet) resolveInDoubt(ctx context.Context, began time.Time) error {
	for _, u := range f.updates.that(putBack) {
		if began.Sub(u.registration.inDoubtSince) < doubtTime {
			continue
		}
		if err := writeClosing(ctx, u); err != nil {
			return err
		}
		u.registration.inDoubtSince = time.Time{}
	}
	return nil
}

// writeClosing writes the entry that closes the update, if it is owed.
func writeClosing(ctx context.Context, u *instanceUpdate) error {
	if u.closingOwed == "" {
		return nil
	}
	mark := Undone
	if u.closingOwed == StepSettle {
		mark = Done
	}
	if err := u.journal.write(ctx, u.closingOwed, mark, nil); err != nil {
		return fmt.Errorf("%s: journal that it is back: %w", u.instance.ID, err)
	}
	u.closingOwed = ""
	return nil
}
