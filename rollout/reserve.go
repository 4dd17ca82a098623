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
		if shortfall == nil && !f.inDoubt() {
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

// shortfall returns why the batch may not leave at that time, and nil if it may.
func (f *fleet) shortfall(health Health, batch updates, at time.Time) error {
	return f.rule.shortfall(health, f.members(f.updates), f.members(batch), at)
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
