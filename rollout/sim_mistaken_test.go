package rollout

import (
	"context"
	"slices"
	"time"
)

// Mutants that mistake what the load balancer and the instances report.

// routedAtOnce counts what the run registered as capacity as soon as it is healthy. Drains take as long as before.
func routedAtOnce(c *Config, _ *process) {
	c.Policy.Drain.Min = max(c.Policy.Drain.Min, c.Policy.Drain.Lag)
	c.Policy.Drain.Lag = 0
}

// forgetEarlier counts what the run before registered as capacity as soon as it is healthy.
func forgetEarlier(c *Config, _ *process) { c.ActedUntil = time.Time{} }

// registerAll also registers what somebody took out.
func registerAll(c *Config, _ *process) { c.Register = true }

// stoppedClock never finds an intent too old.
func stoppedClock(c *Config, _ *process) {
	c.stopwatch = func() func() time.Duration { return func() time.Duration { return 0 } }
}

// hurriedHeal does not wait for the routing lag after healing. Drains take as long as before.
func hurriedHeal(c *Config, p *process) {
	if p.healing {
		routedAtOnce(c, p)
	}
}

// impatientHeal ends the wait after healing as soon as every instance is registered again.
func impatientHeal(p *process) recorder {
	open := map[string]bool{}
	return func(ctx context.Context, e Entry) error {
		err := p.Record(ctx, e)
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		open[e.Instance] = !e.Closes()
		if e.Closes() {
			delete(open, e.Instance)
		}
		if p.healing && len(open) == 0 {
			p.stopHealing()
		}
		return err
	}
}

// renaming reports targets that are initial in another state.
type renaming struct {
	book
	as TargetState
}

func (b renaming) Health(ctx context.Context, of ...Target) (Health, error) {
	h, err := b.book.Health(ctx, of...)
	for i := range h {
		if h[i].State == TargetInitial {
			h[i].State = b.as
		}
	}
	return h, err
}

func initialAs(s TargetState) func(*Config, *process) {
	return onBalancer(func(b book) Balancer { return renaming{b, s} })
}

// belated returns, for some time, answers that describe the targets before the last deregistration, or earlier answers.
type belated struct {
	book
	lasts   time.Duration
	anyTime bool // also if it deregistered none
	old     *Health
	at      *time.Time
}

func newBelated(b book, lasts time.Duration, anyTime bool) Balancer {
	return belated{b, lasts, anyTime, new(Health), new(time.Time)}
}

func (b belated) Deregister(ctx context.Context, targets []Target) error {
	b.p.w.mu.Lock()
	*b.old, *b.at = b.p.w.health(), time.Now()
	b.p.w.mu.Unlock()
	return b.book.Deregister(ctx, targets)
}

func (b belated) Health(ctx context.Context, of ...Target) (Health, error) {
	h, err := b.book.Health(ctx, of...)
	b.p.w.mu.Lock()
	defer b.p.w.mu.Unlock()
	switch {
	case err == nil && time.Since(*b.at) < b.lasts:
		return narrow(slices.Clone(*b.old), of), nil
	case b.anyTime && err == nil:
		*b.old, *b.at = b.p.w.health(), time.Now()
	}
	return h, err
}

// checked takes health checks for clients.
type checked struct{ hostPorts }

func (h checked) Traffic(ctx context.Context) (Traffic, error) {
	t, err := h.hostPorts.Traffic(ctx)
	if t.Source == KernelCount {
		t.Source = ServiceCount
	}
	return t, err
}

// blind takes a sample that failed, or that lacks the opened connections, for one of silence.
type blind struct {
	hostPorts
	last *Traffic
}

func (h blind) Traffic(ctx context.Context) (Traffic, error) {
	t, err := h.hostPorts.Traffic(ctx)
	if err == nil && t.Source != Uncounted {
		*h.last = t
		return t, nil
	}
	if h.last.Source == Uncounted {
		return t, err
	}
	return Traffic{Opened: h.last.Opened, Source: h.last.Source}, nil
}

// openless does not count open connections.
type openless struct{ hostPorts }

func (h openless) Traffic(ctx context.Context) (Traffic, error) {
	t, err := h.hostPorts.Traffic(ctx)
	t.Open = 0
	return t, err
}

// frozen does not count connections that are opened after the service was signalled to drain.
type frozen struct {
	hostPorts
	at *Traffic
}

func (h frozen) Drain(ctx context.Context) error {
	*h.at, _ = h.hostPorts.Traffic(ctx)
	return h.hostPorts.Drain(ctx)
}

func (h frozen) Traffic(ctx context.Context) (Traffic, error) {
	t, err := h.hostPorts.Traffic(ctx)
	if h.at.Source != Uncounted && h.at.Source == t.Source && t.Opened > h.at.Opened {
		t.Opened = h.at.Opened
	}
	return t, err
}
