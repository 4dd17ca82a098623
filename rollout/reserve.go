package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// shortfallError is why there was no capacity for a batch in time.
type shortfallError struct{ error }

func (e *shortfallError) Unwrap() error { return e.error }

// reserve waits until the rest of the fleet can carry the traffic without the whole batch, so that two instances of one
// batch never count on each other.
func (f *fleet) reserve(ctx context.Context, batch updates) error {
	limited, cancel := context.WithTimeout(ctx, f.Policy.Health)
	defer cancel()
	var shortfall error
	for look := f.poller.allSoon; ; look = f.poller.all {
		began := time.Now()
		health, err := look(limited)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case limited.Err() != nil:
			return &shortfallError{fmt.Errorf("wait %s for capacity to take %v out: %w", f.Policy.Health, batch.ids(), shortfall)}
		case err != nil:
			shortfall = err
			continue
		}
		f.unknown.find(health, f.report)
		noteRegistered(f.updates, health)
		f.updates.noteTakenOut(health)
		f.reregisterMissing(ctx, health)
		if err := f.resolveInDoubt(ctx, began); err != nil {
			return err
		}
		shortfall = f.shortfall(health, batch, time.Now())
		if shortfall == nil && !f.updates.inDoubt() {
			f.permit(batch, began)
			return nil
		}
		if shortfall == nil {
			shortfall = errors.New("a call to the load balancer failed and may still be applied")
		}
		f.report.emit(Event{Kind: StepMoved, Detail: "waiting for capacity: " + shortfall.Error()})
		if soon := f.untilRouted(batch); f.shortfall(health, batch, time.Now().Add(soon)) == nil {
			_ = sleep(limited, soon) // a look before then would show nothing new
		}
	}
}

// clearance is the permission of a batch to leave, by a look at capacity. The zero value never ends.
type clearance struct {
	looked time.Time                             // before health was read
	maxAge time.Duration                         // after it health has to be read again
	again  func(context.Context) (Health, error) // reads health; the error is why the batch may not leave any more
}

func (c clearance) valid() bool { return c.again == nil || time.Since(c.looked) <= c.maxAge }

// permit notes that the batch may leave, by a look that began then. The rule's facts about the batch are read now, because
// each of its instances changes its own from now on.
func (f *fleet) permit(batch updates, looked time.Time) {
	leaving, ids := f.members(batch), batch.ids()
	others := f.updates.that(func(u *instanceUpdate) bool { return !slices.Contains(ids, u.instance.ID) })
	var mu sync.Mutex // instances of the batch look again at the same time
	again := func(ctx context.Context) (Health, error) {
		health, err := f.poller.allSoon(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the target groups' health again: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		f.unknown.find(health, f.report)
		noteRegistered(others, health)
		return health, f.rule.shortfall(health, slices.Concat(f.members(others), leaving, f.newcomers()), leaving, time.Now())
	}
	for _, u := range batch {
		u.clearance = clearance{looked, f.Policy.Poll, again}
	}
}

// noteRegistered notes the targets that somebody else registered, and names their instances. It reports whether there are any.
func noteRegistered(us updates, health Health) (found bool) {
	for _, u := range us {
		if u.state == stateOut {
			continue
		}
		if fresh := u.registration.noteRegistered(health.Of(u.instance.ID)); len(fresh) > 0 {
			u.report.remark(StepRegister, "registered in its target groups (%s) by somebody else", placesOf(fresh))
			found = true
		}
	}
	return found
}

// confirm looks at capacity again if the look that cleared the instance is too old, because measuring its rate and writing
// the intent can take long, and in any case if somebody may have registered a target that the run leaves out. The intent is
// written again if so, because it has to name every target that the instance leaves. confirm returns when both look and
// intent are young enough for the instance to leave.
func confirm(ctx context.Context, u *instanceUpdate) error {
	look := u.clearance.again != nil && u.registration.incomplete()
	for range 2 * intentAttempts {
		registered := false
		if look || !u.clearance.valid() {
			look = false
			began := time.Now()
			health, err := u.clearance.again(ctx)
			if err != nil {
				return fmt.Errorf("there was capacity when its turn came, and there is none any more: %w", err)
			}
			u.clearance.looked, registered = began, noteRegistered(updates{u}, health)
		}
		if !registered && u.journal.intent.left() >= actMargin {
			return nil
		}
		if err := u.journal.intend(ctx, u.journal.intent.name, u.journal.intent.mark); err != nil {
			return err
		}
	}
	return errors.New("neither the load balancer nor the ledger answered in time for it to leave")
}

// shortfall returns why the batch may not leave at that time, and nil if it may.
func (f *fleet) shortfall(health Health, batch updates, at time.Time) error {
	return f.rule.shortfall(health, slices.Concat(f.members(f.updates), f.newcomers()), f.members(batch), at)
}

// newcomers returns what the capacity rule has to know of instances that are not in the fleet.
func (f *fleet) newcomers() []member {
	if f.Policy.Drain.Fixed { // the documented process takes what is healthy as routed
		return nil
	}
	return f.unknown.members(f.Policy.Drain.Lag)
}

// members returns what the capacity rule has to know of the updates.
func (f *fleet) members(us updates) []member {
	members := make([]member, len(us))
	for i, u := range us {
		members[i] = member{
			Instance: u.instance, targets: u.registration.targets,
			serves: u.registration.wasHealthy() || u.registration.wasInitial(), waiting: waiting(u), stays: u.err != nil,
			routedAt: u.registration.routedAt(f.Policy.Drain),
		}
	}
	return members
}

// untilRouted returns how long it takes at most until the load balancer routes to everything that this run registered,
// without the batch.
func (f *fleet) untilRouted(batch updates) time.Duration {
	leaving, left := batch.ids(), time.Duration(0)
	for _, u := range f.updates {
		if !slices.Contains(leaving, u.instance.ID) {
			left = max(left, time.Until(u.registration.routedAt(f.Policy.Drain)))
		}
	}
	return left
}

// awaitRouted waits until the load balancer routes to everything that this run registered. A signal ends only the wait.
func (f *fleet) awaitRouted(ctx context.Context) {
	left := f.untilRouted(nil)
	if left <= 0 {
		return
	}
	f.report.emit(Event{Kind: StepMoved, Detail: fmt.Sprintf("everything is registered again: waiting %s, until the load balancer routes to it; Ctrl-C ends only this wait", round(left))})
	_ = sleep(ctx, left)
}
