package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// deregister takes the instance out of every target group it is in, after a
// last look at its rate.
func (p *passage) deregister(ctx context.Context) (string, error) {
	p.gauge(ctx)
	p.run.touched.Store(true)
	return fmt.Sprintf("left %s, %s", countGroups(len(p.targets)), p.rate), p.quit(ctx)
}

// rejoin is deregister's compensation: registered with the ports it had, and
// healthy, if it was healthy before.
func (p *passage) rejoin(ctx context.Context) (string, error) {
	err := p.enter(ctx, p.targets)
	switch {
	case ctx.Err() != nil && err == nil:
		return "registered again; not waited for health, the run was broken off", nil
	case ctx.Err() != nil:
		return "", err
	case !p.served():
		return "registered again; it was not healthy before either", err
	}
	// A lost answer or a late deregistration is mended while waiting.
	detail, waited := p.awaitHealthy(ctx, StepDeregister)
	if waited != nil && ctx.Err() != nil && err == nil {
		return "registered again; the wait for health was broken off", nil
	}
	return detail, waited
}

// served reports whether the load balancer called the instance healthy, in every
// group, when the run began.
func (p *passage) served() bool {
	for _, t := range p.registered {
		if t.State != TargetHealthy {
			return false
		}
	}
	return len(p.registered) > 0
}

// coming reports whether the load balancer did not know yet, when the run began,
// whether the instance is healthy.
func (p *passage) coming() bool { return slices.ContainsFunc(p.registered, initial) }

// drain tells the service to send its clients away and waits until they left.
func (p *passage) drain(ctx context.Context) (string, error) {
	switch { // a healthy target gets traffic, whatever serves it
	case len(p.registered) == 0:
		return "was in no target group: no traffic to wait for", nil
	case p.host != nil && !p.before.Running && !slices.ContainsFunc(p.registered, healthy):
		return "no container runs: no traffic to wait for", nil
	}
	if p.host == nil {
		return p.awaitQuiet(ctx, StepDrain)
	}
	if err := act(ctx, p.host.Drain); err != nil {
		p.remark(StepDrain, "telling the service to drain failed: %s", oneLine(err))
	}
	return p.awaitQuiet(ctx, StepDrain)
}

// undrain tells the running service that its clients may stay. It fails
// nothing: a service that goes on sending clients away still serves them.
func (p *passage) undrain(ctx context.Context) (string, error) {
	if p.host == nil {
		return "", nil
	}
	if err := act(ctx, p.host.Undrain); err != nil {
		p.remark(StepDrain, "telling the service that it is back failed: %s", oneLine(err))
	}
	return "", nil
}

// awaitQuiet samples the instance's traffic until evidence says it has left.
func (p *passage) awaitQuiet(ctx context.Context, name StepName) (string, error) {
	e := evidence{policy: p.run.Policy.Drain, before: p.rate}
	for {
		done, seen := p.look(ctx, &e)
		if done {
			return p.left(name, &e, seen), nil
		}
		p.moved(name, seen)
		if err := sleep(ctx, e.pause(time.Since(p.gone))); err != nil {
			return seen, err
		}
	}
}

// look takes one sample, unless the drain is fixed, and decides.
func (p *passage) look(ctx context.Context, e *evidence) (done bool, seen string) {
	if !e.policy.Fixed {
		t, err := p.traffic(ctx)
		e.observe(time.Since(p.gone), t, err)
	}
	return e.drained(time.Since(p.gone))
}

// left words how the drain ended, and says once what could not be counted.
func (p *passage) left(name StepName, e *evidence, seen string) string {
	if e.blind != "" && !e.sampled {
		p.remark(name, "traffic %s: drained by the clock", e.blind)
	}
	if e.unsure() {
		p.remark(name, "connections were opened to the end of the drain, which may be health checks: the kernel's count does not tell them from clients, a count of the service's own does")
	}
	cut, known := e.cut()
	if !known {
		return seen + ", what it cut was not counted"
	}
	if cut > 0 {
		p.remark(name, "%d connections were still open at the end of the drain", cut)
	}
	return fmt.Sprintf("%s, %d connections cut", seen, cut)
}

// traffic is one sample, bounded: an instance that does not answer is no evidence.
func (p *passage) traffic(ctx context.Context) (Traffic, error) {
	if p.host == nil {
		return Traffic{}, errUnreachable
	}
	ctx, cancel := context.WithTimeout(ctx, max(time.Second, p.run.Policy.Drain.Quiet))
	defer cancel()
	return p.host.Traffic(ctx)
}

var errUnreachable = errors.New("the instance cannot be reached")

// gauge measures the rate since the baseline sample, and tells whether it is proven.
func (p *passage) gauge(ctx context.Context) bool {
	if p.run.Policy.Drain.Fixed || p.baselineAt.IsZero() {
		return true
	}
	t, err := p.traffic(ctx)
	if err != nil {
		return false
	}
	measured, proven := measure(p.baseline, t, time.Since(p.baselineAt))
	p.rate = measured
	return proven
}
