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

// EndpointHealth is what the API says of one endpoint of a group.
type EndpointHealth struct {
	Endpoint
	Health
}

// registration is a target with what works for it. The balancer's lock guards it.
type registration struct {
	Target
	*target
	instance *instance
	group    *group
	// stopChecks ends the checkers; nil when there are none.
	stopChecks context.CancelFunc
	// timers act at the end of the deregistration delay and of the lag.
	timers []*time.Timer
}

// Register registers endpoints as RegisterTargets does: all, or none and an
// error that wraps [ErrGroupNotFound] or [*UnknownInstanceError]. Registering what
// is registered changes nothing; what drains starts again at initial.
func (b *Balancer) Register(arn string, endpoints ...Endpoint) error {
	return b.register(arn, endpoints, (*target).register)
}

// RegisterInService registers endpoints as if that had been long ago: healthy
// and routed at once. An environment is brought up with it.
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
	enter(r.target, b.rules(g), now)
	if r.stopChecks == nil {
		b.startChecks(r)
	}
}

// Deregister takes endpoints out as DeregisterTargets does. One that is not
// registered, or drains already, is a success.
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
			b.dismiss(r, now)
		}
	}
	return nil
}

func (b *Balancer) dismiss(r *registration, now time.Time) {
	r.deregister(b.rules(r.group), now)
	settle := func() { b.settle(r) }
	r.timers = []*time.Timer{
		time.AfterFunc(r.rules.delay, settle),
		time.AfterFunc(r.rules.deregisterLag, settle),
	}
}

// settle does what is due for a draining target: the end of its checks and,
// where that is enabled, of its flows; then of the registration itself. It is
// safe to call at any time.
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
			b.cut(r)
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

// Health answers for the endpoints asked for, or for all that the API knows when
// none is. One that is not registered is unused (Target.NotRegistered).
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
