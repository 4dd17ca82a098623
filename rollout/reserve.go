package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
		f.noteTakenOut(health)
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
	looked time.Time                   // before health was read
	maxAge time.Duration               // after it health has to be read again
	again  func(context.Context) error // reads health and returns why the batch may not leave any more
}

func (c clearance) valid() bool { return c.again == nil || time.Since(c.looked) <= c.maxAge }

// permit notes that the batch may leave, by a look that began then. The rule's facts are read now, because each instance of
// the batch changes its own from now on.
func (f *fleet) permit(batch updates, looked time.Time) {
	members, leaving := f.members(f.updates), f.members(batch)
	again := func(ctx context.Context) error {
		health, err := f.poller.allSoon(ctx)
		if err != nil {
			return fmt.Errorf("read the target groups' health again: %w", err)
		}
		return f.rule.shortfall(health, members, leaving, time.Now())
	}
	for _, u := range batch {
		u.clearance = clearance{looked, f.Policy.Poll, again}
	}
}

// confirm looks at capacity again if the look that cleared the instance is too old, because measuring its rate and writing
// the intent can take long. It returns when both look and intent are young enough for the instance to leave.
func confirm(ctx context.Context, u *instanceUpdate) error {
	for range 2 * intentAttempts {
		if !u.clearance.valid() {
			began := time.Now()
			if err := u.clearance.again(ctx); err != nil {
				return fmt.Errorf("there was capacity when its turn came, and there is none any more: %w", err)
			}
			u.clearance.looked = began
		}
		if u.journal.intent.left() >= actMargin {
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
	members := f.members(f.updates)
	if !f.Policy.Drain.Fixed { // the documented process takes what is healthy as routed
		members = append(members, f.unknown.members(f.Policy.Drain.Lag)...)
	}
	return f.rule.shortfall(health, members, f.members(batch), at)
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
