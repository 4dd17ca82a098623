package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// answersLag is the time after an act in which the load balancer's answers may still describe the targets as they were
// before, so that an instance which an earlier run has just registered would seem to be taken out by somebody.
const answersLag = 5 * time.Second

// survey reads the load balancer's and every waiting instance's state, and refuses a run that cannot succeed. It changes
// nothing.
func (f *fleet) survey(ctx context.Context) error {
	groups, err := f.Balancer.Timing(ctx)
	if err != nil {
		return fmt.Errorf("read the target groups' timing: %w", err)
	}
	if !f.ActedUntil.IsZero() {
		if err := sleep(ctx, time.Until(f.ActedUntil.Add(answersLag))); err != nil {
			return context.Cause(ctx)
		}
	}
	health, err := f.poller.health(ctx)
	if err != nil {
		return fmt.Errorf("read the target groups' health: %w", err)
	}
	f.groups = groups
	if err := f.Policy.refuseUnworkable(groups); err != nil {
		return err
	}
	if unknown := f.unknown.find(health, f.report); f.RefuseUnknown {
		if err := refuseUnknown(unknown); err != nil {
			return err
		}
	}
	for _, u := range f.updates {
		u.registration = newRegistration(f.Balancer, u.instance.ID, health, groups)
		if f.Register {
			u.registration.complete()
		}
		if text := u.registration.leftOut(); text != "" && waiting(u) {
			u.report.remark(StepRegister, "%s", text)
		}
		if u.registration.registeredAt.IsZero() {
			u.registration.registeredAt = f.ActedUntil
		}
	}
	if err := refusePort(f.Port, f.updates); err != nil {
		return err
	}
	f.each(f.updates.that(waiting), func(u *instanceUpdate) { inspect(ctx, u) })
	return errors.Join(context.Cause(ctx), f.refuseCapacity(health))
}

// refuseCapacity notes the capacity rule of the run, and returns an error if the fleet can never meet it.
func (f *fleet) refuseCapacity(health Health) error {
	f.rule = newCapacity(f.Policy, f.Instances, f.groups, nil, health)
	var batches [][]member
	for _, batch := range f.batches() {
		batches = append(batches, f.members(batch))
	}
	return f.rule.refuse(health, f.members(f.updates), batches, time.Now())
}

// inspect connects to the instance and decides whether it needs the release.
func inspect(ctx context.Context, u *instanceUpdate) {
	if u.err = u.connect(ctx); u.err != nil {
		u.report.emit(Event{Step: StepPrepare, Kind: StepFailed, Err: u.err})
		return
	}
	u.running = u.before.Release.Digest()
	for _, text := range u.before.Remarks {
		u.report.remark(StepPrepare, "%s", text)
	}
	if serves(u) {
		u.state = stateCurrent
		u.disconnect()
		u.reportEnd()
		return
	}
	if u.err = refuseIrreplaceable(u); u.err != nil {
		u.report.emit(Event{Step: StepPrepare, Kind: StepFailed, Err: u.err})
	}
	if u.before.Unproven != "" {
		u.report.remark(StepPrepare, "what runs there now would not pass as a new release, and counts as put back when it answers as it does now: %s", u.before.Unproven)
	}
}

// serves reports whether the instance serves the release already, or runs it and is not to be registered.
func serves(u *instanceUpdate) bool {
	missing, _ := u.registration.compare(u.registration.before)
	return u.before.Running && u.running == u.release.Digest() && len(missing) == 0
}

// refuseIrreplaceable returns an error if the instance serves and no container of the service was found on it. Whatever
// serves there, such as a process outside of Docker, would be in the way of the new container and could not be put
// back. An instance that is not healthy has nothing to lose, so it needs no container.
func refuseIrreplaceable(u *instanceUpdate) error {
	if u.before.Running || u.before.Container != "" || !slices.ContainsFunc(u.registration.before, healthy) {
		return nil
	}
	return fmt.Errorf("%s: the load balancer calls it healthy, and what serves there could not be put back: %s",
		StepPrepare, cmp.Or(u.before.Missing, "no container of the service was found"))
}
