package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// book is the load balancer as one process sees it.
type book struct{ p *process }

func (b book) Register(ctx context.Context, targets []Target) error {
	id := targets[0].Instance
	return b.p.call(ctx, "register", id, func(late lateness) {
		if late == 0 {
			b.p.joins(id)
		}
		b.p.w.register(targets)
	})
}

func (b book) Deregister(ctx context.Context, targets []Target) error {
	id := targets[0].Instance
	return b.p.call(ctx, "deregister", id, func(late lateness) {
		if late == 0 || !b.p.dead { // what a dead process set off nobody can hold back
			b.p.leaves(id, targets, late)
		}
		b.p.w.deregister(targets)
	})
}

func (b book) Health(ctx context.Context, of ...Target) (h Health, err error) {
	err = b.p.call(ctx, "health", "", func(lateness) {
		h = narrow(b.p.w.health(), of)
		b.p.looks()
	})
	return h, err
}

func (b book) Timing(ctx context.Context) ([]Timing, error) {
	return b.p.w.timing, b.p.call(ctx, "timing", "", func(lateness) {})
}

func (p *process) connect(ctx context.Context, i Instance) (Host, error) {
	h := &hand{p: p, m: p.w.rigs[i.ID]}
	return h, p.call(ctx, "connect", i.ID, func(lateness) {})
}

// hand is one process's connection to an instance. It works the way
// remote/docker does: what it started itself it remembers, what another process
// left it tells from the containers' names.
type hand struct {
	p *process
	m *rig
	// stopping is set once this process began to swap, renamed once the old
	// container is marked as kept; made is the container it created.
	stopping, renamed bool
	made              *box
}

var (
	errNothingRuns = errors.New("no container runs")
	errNoNext      = errors.New("there is no new container: stop creates it")
	errNoPrevious  = errors.New("there is no old container to go back to")
	errBad         = errors.New("the container is bad")
)

func (h *hand) call(ctx context.Context, port string, act func(lateness)) error {
	return h.p.call(ctx, port, h.m.ID, act)
}

func (h *hand) Close() error { return nil }

func (h *hand) Inspect(ctx context.Context) (s State, err error) {
	err = h.call(ctx, "inspect", func(lateness) {
		s = State{InstanceID: h.m.ID}
		found := h.m.current
		if found == nil {
			found = h.m.previous
		}
		if found != nil {
			s.Container = "box"
			s.Release = Release{Image: releaseOf(found.release).Image}
			s.Running = found.running && found != h.m.previous
		}
	})
	return s, err
}

func (h *hand) Check(ctx context.Context, _ Release) error {
	return h.call(ctx, "check", func(lateness) {})
}

func (h *hand) Prepare(ctx context.Context, r Release, progress func(Progress)) error {
	progress(Progress{1, 2})
	key := "pull/" + h.m.ID
	if err := h.p.wait(ctx, h.p.w.roll(key, h.p.number(r)).between(time.Second, 20*time.Second)); err != nil {
		return err
	}
	return h.call(ctx, "prepare", func(lateness) {
		h.m.pulled[h.p.number(r)] = true
		if h.oldServes() {
			h.m.previous = nil // an earlier run's, whose settling failed
		}
	})
}

func (h *hand) Traffic(ctx context.Context) (t Traffic, err error) {
	var missing error
	err = h.call(ctx, "traffic", func(lateness) {
		b := h.m.listener()
		if b == nil {
			missing = errNothingRuns
			return
		}
		t = Traffic{Open: h.m.clings, Opened: uint64(b.connection), Source: h.m.source}
	})
	return t, errors.Join(err, missing)
}

func (h *hand) Drain(ctx context.Context) error { return h.signal(ctx, "drain", true) }

func (h *hand) Undrain(ctx context.Context) error { return h.signal(ctx, "undrain", false) }

func (h *hand) signal(ctx context.Context, port string, told bool) error {
	return h.call(ctx, port, func(late lateness) {
		b := h.m.listener()
		h.p.w.after(late, func() {
			if b != nil {
				b.told = told
			}
		})
	})
}

// after does now what is not late, and the rest when it is time.
func (w *sim) after(late lateness, do func()) {
	if late == 0 {
		do()
		return
	}
	time.AfterFunc(time.Duration(late), w.locked(func() {
		w.flow()
		do()
	}))
}

func (p *process) number(r Release) int {
	var n int
	_, _ = fmt.Sscanf(r.Digest(), "sha256:%d", &n)
	return n
}

func (h *hand) Settle(ctx context.Context) error {
	var missing error
	err := h.call(ctx, "settle", func(late lateness) {
		if b := h.m.current; b == nil || !b.running {
			missing = errNothingRuns
			return
		}
		kept := h.m.previous
		h.stopping, h.renamed = false, false
		h.p.w.after(late, func() {
			if h.m.previous == kept {
				h.m.previous = nil
			}
		})
	})
	return errors.Join(err, missing)
}
