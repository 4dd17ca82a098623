package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// register puts the instance back into its target groups, with the ports it had.
func (p *passage) register(ctx context.Context) (string, error) {
	return fmt.Sprintf("in %s", countGroups(len(p.targets))), p.enter(ctx, p.targets)
}

// leave is register's compensation: the new container is drained like the old
// one was. A run that is broken off does not wait for that.
func (p *passage) leave(ctx context.Context) (string, error) {
	if err := p.quit(ctx); err != nil {
		return "", err
	}
	if err := act(ctx, p.host.Drain); err != nil {
		p.remark(StepRegister, "telling the service to drain failed: %s", oneLine(err))
	}
	seen, err := p.awaitQuiet(ctx, StepRegister)
	if err != nil && ctx.Err() != nil {
		return "the drain was broken off", nil
	}
	return seen, err
}

// join waits until the load balancer says healthy and traffic arrives.
func (p *passage) join(ctx context.Context) (string, error) {
	healthy, err := p.awaitHealthy(ctx, StepJoin)
	if err != nil {
		return healthy, err
	}
	arrived, err := p.awaitTraffic(ctx)
	return healthy + ", " + arrived, err
}

// awaitHealthy waits until every target of the instance is healthy. A target
// that is draining or gone meanwhile is registered again: a deregistration whose
// caller gave up may be applied after the registration.
func (p *passage) awaitHealthy(ctx context.Context, name StepName) (string, error) {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, p.run.Policy.Health)
	defer cancel()
	state, trouble := "not looked at", error(nil)
	for {
		health, err := p.run.watch.health(limited, p.targets...)
		switch {
		case ctx.Err() != nil:
			return state, context.Cause(ctx)
		case limited.Err() != nil:
			return state, errors.Join(fmt.Errorf("not healthy after %s: %s", p.run.Policy.Health, state), trouble)
		case err != nil:
			trouble = fmt.Errorf("last look: %w", err)
			continue
		}
		missing, unhealthy := p.standing(health)
		state = unhealthy.String()
		if len(unhealthy) == 0 {
			return fmt.Sprintf("healthy after %s", round(time.Since(began))), nil
		}
		p.moved(name, state)
		if trouble = p.registerAgain(ctx, name, missing); errors.Is(trouble, errNoIntent) {
			return state, trouble
		}
	}
}

// standing tells which of the instance's targets their groups do not have, and
// which are not healthy yet.
func (p *passage) standing(health Health) (missing []Target, unhealthy Health) {
	for _, target := range p.targets {
		h := health.State(target)
		if !h.State.Registered() {
			missing = append(missing, target)
		}
		if h.State != TargetHealthy {
			unhealthy = append(unhealthy, h)
		}
	}
	return missing, unhealthy
}

// registerAgain registers what is missing, with an intent of its own: a run that
// lost its lease stops here too.
func (p *passage) registerAgain(ctx context.Context, name StepName, missing []Target) error {
	if len(missing) == 0 {
		return nil
	}
	mark := Undoing
	if name == StepJoin {
		name, mark = StepRegister, Begun
	}
	if err := p.journal(ctx, name, mark, nil); err != nil {
		return fmt.Errorf("%w: %w", errNoIntent, err)
	}
	if err := p.enter(ctx, missing); err != nil {
		return fmt.Errorf("register again: %w", err)
	}
	return nil
}

// lagged words when an instance counts that traffic says nothing of.
func lagged(lag time.Duration) string {
	return fmt.Sprintf("it counts as capacity %s after it was registered", round(lag))
}

// awaitTraffic waits until connections arrive at the new container, if enough
// did at the old one for their absence to mean something. Its bound's end is a
// remark: the load balancer did say healthy.
func (p *passage) awaitTraffic(ctx context.Context) (string, error) {
	policy := p.run.Policy
	switch {
	case policy.Drain.Fixed || policy.Traffic == 0:
		return "traffic not waited for", nil
	case p.rate.source == Uncounted:
		return "traffic was not measured before: " + lagged(policy.Drain.Lag), nil
	case !p.rate.proves(policy.Drain.Quiet):
		return "too few clients before to see them arrive: " + lagged(policy.Drain.Lag), nil
	}
	began := time.Now()
	seen := arrival{before: p.rate, window: policy.Drain.Quiet}
	t, err := p.traffic(ctx)
	for seen.observe(time.Since(began), t, err); time.Since(began) < policy.Traffic; {
		if err := sleep(ctx, sampleInterval(policy.Drain.Quiet)); err != nil {
			return "", err
		}
		t, err := p.traffic(ctx)
		if seen.observe(time.Since(began), t, err); seen.proven() {
			// Of several targets any may have brought it, and in the kernel's count
			// health checks may.
			p.arrives = len(p.targets) == 1 && t.Source == ServiceCount
			return fmt.Sprintf("takes traffic after %s", round(time.Since(began))), nil
		}
	}
	if len(seen.samples) == 0 {
		p.remark(StepJoin, "healthy, but traffic %s: nobody saw it arrive", oneLine(seen.blind))
		return "traffic not seen", nil
	}
	p.remark(StepJoin, "healthy, but traffic did not arrive within %s", policy.Traffic)
	return "traffic did not arrive", nil
}
