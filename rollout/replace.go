package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// bootTimeout is what a new instance may take, beyond the policy's health
// timeout, until it serves: its first boot installs an engine and pulls an image.
const bootTimeout = 15 * time.Minute

// Replace takes an instance out of service as a rollout does (by the capacity
// rule, drained on evidence), lets apply put another in its place, and returns
// when the load balancer calls that one healthy. What fails before apply is
// undone; after it the instance may be gone, and the result says so. Of c's
// fields the release is not used.
func Replace(ctx context.Context, c Config, id string, apply func(context.Context) (Instance, error)) (Result, error) {
	c.Policy.Health += bootTimeout
	c.Port = 0 // the new instance's first boot starts its container, and not this run
	r, err := newRun(c)
	if err != nil {
		return r.result(err), err
	}
	defer r.close()
	err = r.replace(ctx, id, apply)
	r.census(ctx)
	return r.result(err), err
}

func (r *run) replace(ctx context.Context, id string, apply func(context.Context) (Instance, error)) error {
	at := slices.IndexFunc(r.passages, func(p *passage) bool { return p.instance.ID == id })
	if at < 0 {
		return fmt.Errorf("replace %s: it is not in the fleet", id)
	}
	for i, p := range r.passages {
		if i != at {
			p.outcome = Unchanged
		}
	}
	p := r.passages[at]
	if err := r.survey(ctx); err != nil {
		return err
	}
	p.err = nil // an instance that cannot be reached is drained by the clock
	if err := r.reserve(ctx, []*passage{p}); err != nil {
		return r.brokenOff(ctx, err)
	}
	p.replace(ctx, apply)
	p.emit(Event{Kind: InstanceEnded, Detail: string(p.outcome), Err: p.err})
	if p.outcome == Restored && ctx.Err() != nil {
		return r.brokenOff(ctx, p.err)
	}
	if p.outcome == Updated {
		_ = sleep(ctx, r.routing(nil)) // who is replaced next counts on it; a signal ends only the wait
	}
	return r.failure()
}

// replace drains the instance, has it replaced, and waits for the new one.
func (p *passage) replace(ctx context.Context, apply func(context.Context) (Instance, error)) {
	if p.host != nil {
		p.sampleBaseline(ctx)
		_, _ = p.awaitRate(ctx) // a rate that is not known only lengthens the drain
	}
	for i, row := range life[:index(StepDrain)+1] {
		if err := p.step(ctx, row); err != nil {
			p.back(ctx, life[:i+1], fmt.Errorf("%s: %w", row.name, err))
			return
		}
	}
	instance, err := apply(ctx)
	if err != nil {
		p.outcome, p.err = Lost, fmt.Errorf("apply: %w", err)
		return
	}
	p.succeed(instance)
	if _, err := p.awaitHealthy(ctx, StepJoin); err != nil {
		p.outcome, p.err = Lost, errors.Join(errors.New("the new instance does not serve"), err)
		return
	}
	p.outcome = Updated
}

// succeed makes the passage the new instance's, with the registrations of the old.
func (p *passage) succeed(instance Instance) {
	p.instance = instance
	p.run.unknown.add(instance.ID)
	p.entered, p.arrives = time.Now(), false // or before, while it was made
	p.targets = slices.Clone(p.targets)
	for i := range p.targets {
		p.targets[i].Instance = instance.ID
	}
}
