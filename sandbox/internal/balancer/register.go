package balancer

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Endpoint is a port of an instance. Port zero means the group's default port.
type Endpoint struct {
	Instance string
	Port     int
}

// Target is an endpoint in a target group.
type Target struct {
	// Group is the target group's ARN.
	Group string
	Endpoint
}

// EndpointHealth is the health of one endpoint of a group as the API reports it.
type EndpointHealth struct {
	Endpoint
	Health
}

// registration is a registered target with its checks and timers. The balancer's lock guards it.
type registration struct {
	Target
	*target
	instance *instance
	group    *group
	// stopChecks ends the checkers. It is nil if none runs.
	stopChecks context.CancelFunc
	// timers call settle at the end of the deregistration delay and of the lag.
	timers []*time.Timer
}

// Register registers endpoints as RegisterTargets does: all of them, or none and an error that wraps
// [ErrGroupNotFound] or [*UnknownInstanceError]. An endpoint that is registered already does not change, and one that
// drains starts again in state initial.
func (b *Balancer) Register(arn string, endpoints ...Endpoint) error {
	return b.register(arn, endpoints, (*target).register)
}

// RegisterInService registers endpoints as if that had been long ago: they are healthy and get connections at once. A
// new environment is started with it.
func (b *Balancer) RegisterInService(arn string, endpoints ...Endpoint) error {
	return b.register(arn, endpoints, (*target).enterService)
}

func (b *Balancer) register(arn string, endpoints []Endpoint, enter func(*target, rules, time.Time)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return ErrClosed
	}
	g, err := b.group(arn)
	if err != nil {
		return err
	}
	for _, e := range endpoints {
		if b.instances[e.Instance] == nil {
			return fmt.Errorf("register in target group %s: %w", g.Name, &UnknownInstanceError{e.Instance})
		}
	}
	now := time.Now()
	for _, e := range endpoints {
		b.admit(g, g.endpoint(e), now, enter)
	}
	return nil
}

// admit registers one endpoint, unless it is registered and does not drain. The caller holds the lock.
func (b *Balancer) admit(g *group, e Endpoint, now time.Time, enter func(*target, rules, time.Time)) {
	r := g.find(e)
	switch {
	case r == nil:
		r = &registration{
			Target:   Target{Group: g.ARN, Endpoint: e},
			target:   &target{},
			instance: b.instances[e.Instance],
			group:    g,
		}
		g.targets = append(g.targets, r)
	case r.draining():
		r.stopTimers()
	default:
		return
	}
	enter(r.target, b.opts.rules(g), now)
	if r.stopChecks == nil {
		b.startChecks(r)
	}
}

// Deregister deregisters endpoints as DeregisterTargets does. It ignores endpoints that are not registered or drain
// already.
func (b *Balancer) Deregister(arn string, endpoints ...Endpoint) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, err := b.group(arn)
	if err != nil {
		return err
	}
	now := time.Now()
	for _, e := range endpoints {
		if r := g.find(g.endpoint(e)); r != nil && !r.draining() {
			b.drain(r, now)
		}
	}
	return nil
}

// drain starts the draining of a target. The caller holds the lock.
func (b *Balancer) drain(r *registration, now time.Time) {
	r.deregister(b.opts.rules(r.group), now)
	settle := func() { b.settle(r) }
	r.timers = []*time.Timer{
		time.AfterFunc(r.rules.delay, settle),
		time.AfterFunc(r.rules.deregisterLag, settle),
	}
}

// settle ends what is over for a draining target: after the deregistration delay its checks and, if the group's
// attribute requires it, its flows; after the lag too, the registration itself. It may be called at any time.
func (b *Balancer) settle(r *registration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if !r.unused(now) {
		return
	}
	if r.stopChecks != nil {
		r.stopChecks()
		r.stopChecks = nil
		if r.group.attrs.on(AttrTerminate) {
			b.flows.cut(r)
		}
	}
	if r.forgotten(now) {
		r.group.targets = slices.DeleteFunc(r.group.targets, func(other *registration) bool { return other == r })
	}
}

func (r *registration) stopTimers() {
	for _, t := range r.timers {
		t.Stop()
	}
	r.timers = nil
}

// Health returns the health of the endpoints, or of all that the API shows if none is given. An endpoint that is not
// registered is unused (Target.NotRegistered).
func (b *Balancer) Health(arn string, endpoints ...Endpoint) ([]EndpointHealth, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, err := b.group(arn)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if len(endpoints) == 0 {
		endpoints = g.known(now)
	}
	answer := make([]EndpointHealth, 0, len(endpoints))
	for _, e := range endpoints {
		e = g.endpoint(e)
		health := notRegistered
		if r := g.find(e); r != nil {
			health = r.health(now)
		}
		answer = append(answer, EndpointHealth{e, health})
	}
	return answer, nil
}

func (g *group) known(now time.Time) []Endpoint {
	var known []Endpoint
	for _, r := range g.targets {
		if !r.unused(now) {
			known = append(known, r.Endpoint)
		}
	}
	return known
}

func (g *group) endpoint(e Endpoint) Endpoint {
	e.Port = or(e.Port, g.Port)
	return e
}

func (g *group) find(e Endpoint) *registration {
	for _, r := range g.targets {
		if r.Endpoint == e {
			return r
		}
	}
	return nil
}
