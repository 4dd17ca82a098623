package rollout

import (
	"context"
	"errors"
	"time"
)

func nothing(*Config, *process) {}

// recorder is a journal made of a function.
type recorder func(context.Context, Entry) error

func (r recorder) Record(ctx context.Context, e Entry) error { return r(ctx, e) }

func onRecord(broken func(*process) recorder) func(*Config, *process) {
	return func(c *Config, p *process) { c.Journal = broken(p) }
}

// skipIntents acts without having said so.
func skipIntents(p *process) recorder {
	return func(ctx context.Context, e Entry) error {
		if e.Step == StepDeregister && e.Mark == Begun {
			return nil
		}
		return p.Record(ctx, e)
	}
}

// unfenced goes on without the lease.
func unfenced(p *process) recorder {
	return func(ctx context.Context, e Entry) error {
		if err := p.Record(ctx, e); !errors.Is(err, errFenced) {
			return err
		}
		return nil
	}
}

// forgetJournal heals nothing.
func forgetJournal(d UnfinishedRun) UnfinishedRun {
	d.Entries = nil
	return d
}

// forgetPort heals an instance in all of its groups but one.
func forgetPort(d UnfinishedRun) UnfinishedRun {
	for i, e := range d.Entries {
		if len(e.Targets) > 1 {
			d.Entries[i].Targets = e.Targets[:len(e.Targets)-1]
		}
	}
	return d
}

// ignoreFloor takes instances out without looking at the others.
func ignoreFloor(c *Config, _ *process) { c.Policy.Downtime = true }

// crowded sees clients arrive that do not.
type crowded struct{ hostPorts }

func (h crowded) Traffic(ctx context.Context) (Traffic, error) {
	t, err := h.hostPorts.Traffic(ctx)
	t.Opened += uint64(time.Now().Unix())
	t.Source = ServiceCount
	return t, err
}

// hastyDrain guesses when the traffic has left.
func hastyDrain(c *Config, _ *process) { c.Policy.Drain = Drain{Fixed: true, Quiet: time.Second} }

func onBalancer(broken func(book) Balancer) func(*Config, *process) {
	return func(c *Config, p *process) { c.Balancer = broken(book{p}) }
}

// forgetful takes a target that drains for one that comes: it is not registered again.
type forgetful struct{ book }

func (b forgetful) Health(ctx context.Context, of ...Target) (Health, error) {
	h, err := b.book.Health(ctx, of...)
	for i := range h {
		if h[i].State == TargetDraining {
			h[i].State = TargetHealthy
		}
	}
	return h, err
}

// cancelling lets a signal break off a call to the load balancer.
type cancelling struct{ book }

func (b cancelling) Deregister(ctx context.Context, targets []Target) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.p.ctx, cancel)()
	return b.book.Deregister(ctx, targets)
}

func (b cancelling) Register(ctx context.Context, targets []Target) error {
	if b.p.ctx.Err() != nil {
		ctx = b.p.ctx
	}
	return b.book.Register(ctx, targets)
}

// rash journals that an instance is back as soon as it is registered again.
type rash struct{ book }

func (b rash) Register(ctx context.Context, targets []Target) error {
	id := targets[0].Instance
	err := b.book.Register(ctx, targets)
	b.p.w.mu.Lock()
	back := b.p.intent[id] == intent{StepDeregister, Undoing}
	b.p.w.mu.Unlock()
	if err == nil && back {
		err = b.p.Record(ctx, Entry{Instance: id, Step: StepDeregister, Mark: Undone, Targets: targets})
	}
	return err
}

// idle does not deregister.
type idle struct{ book }

func (idle) Deregister(context.Context, []Target) error { return nil }

// hostPorts is a hand that mutants embed.
type hostPorts = *hand

func onHost(broken func(hostPorts) Host) func(*Config, *process) {
	return func(c *Config, p *process) {
		c.Connect = func(ctx context.Context, i Instance) (Host, error) {
			h, err := p.connect(ctx, i)
			return broken(h.(*hand)), err
		}
	}
}

// trusting believes that what the journal began is what runs.
type trusting struct{ hostPorts }

func (h trusting) Inspect(ctx context.Context) (State, error) {
	s, err := h.hostPorts.Inspect(ctx)
	h.p.w.mu.Lock()
	defer h.p.w.mu.Unlock()
	if h.p.healing {
		s.Running, s.Release = true, releaseOf(h.p.w.ledger.release)
	}
	return s, err
}

func (h trusting) Prove(ctx context.Context, r Release) (time.Duration, error) {
	if h.p.healing {
		return 0, nil
	}
	return h.hostPorts.Prove(ctx, r)
}

// hasty takes a container whose stop was asked for as running.
type hasty struct{ hostPorts }

func (h hasty) Revert(ctx context.Context) error {
	back := false
	err := h.call(ctx, "revert", func(lateness) {
		if old := h.m.previous; old != nil && old.running {
			h.m.current, h.m.previous, h.m.next, back = old, nil, nil, true
		}
	})
	if back || err != nil {
		return err
	}
	return h.hostPorts.Revert(ctx)
}

// gullible takes every container as proven.
type gullible struct{ hostPorts }

func (h gullible) Prove(context.Context, Release) (time.Duration, error) { return 0, nil }

// moving starts what its tag means by now.
type moving struct{ hostPorts }

func (h moving) Stop(ctx context.Context, r Release) error {
	err := h.hostPorts.Stop(ctx, r)
	h.p.w.mu.Lock()
	defer h.p.w.mu.Unlock()
	if h.made != nil && h.m.ID == "i-02" {
		h.made.release = 99
	}
	return err
}

func (h moving) Prove(ctx context.Context, r Release) (time.Duration, error) {
	h.p.w.mu.Lock()
	if h.m.current != nil && h.m.current.release == 99 {
		r = releaseOf(99)
	}
	h.p.w.mu.Unlock()
	return h.hostPorts.Prove(ctx, r)
}

// hoarding keeps the old container.
type hoarding struct{ hostPorts }

func (hoarding) Settle(context.Context) ([]string, error) { return nil, nil }

// careless says that the old container is back.
type careless struct{ hostPorts }

func (careless) Revert(context.Context) error { return nil }
