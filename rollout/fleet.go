package rollout

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// fleet is the instances that a run, a recovery or a replacement is about, with what all three do to them together.
type fleet struct {
	*session
	updates updates
	groups  []Timing // of the live target groups; empty before the survey
	rule    capacity
	unknown *unknownTargets
	// interrupted is set if a signal ended the run, and nothing else.
	interrupted bool
}

// newFleet returns the fleet of a run. With an error it can still return a result.
func newFleet(c Config) (*fleet, error) {
	f := &fleet{session: newSession(c), unknown: newUnknownTargets(c.Instances)}
	for _, i := range c.Instances {
		f.updates = append(f.updates, newInstanceUpdate(f.session, i))
	}
	if err := c.validate(); err != nil {
		return f, err
	}
	f.poller = newHealthPoller(c.Balancer, c.Policy.Poll, c.jitter)
	return f, nil
}

// close ends the connections to all instances.
func (f *fleet) close() {
	f.poller.end()
	for _, u := range f.updates {
		u.disconnect()
	}
}

// touched reports whether a target was deregistered, or may have been.
func (us updates) touched() bool {
	return slices.ContainsFunc(us, func(u *instanceUpdate) bool { return !u.registration.deregisteredAt.IsZero() })
}

// each runs act for several instances at once: Policy.Parallel of them, or a whole batch if that is more.
func (f *fleet) each(us updates, act func(*instanceUpdate)) {
	limit := make(chan struct{}, max(f.Policy.Parallel, f.Policy.Batch.Of(len(f.Instances))))
	var wg sync.WaitGroup
	for _, u := range us {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			act(u)
		})
	}
	wg.Wait()
}

// brokenOff notes that the run was ended by a signal, if it was. Otherwise it returns err.
func (f *fleet) brokenOff(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	f.interrupted = true
	return fmt.Errorf("broken off: %w", context.Cause(ctx))
}
