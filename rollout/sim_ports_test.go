package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// book is the load balancer as one process sees it.
type book struct{ p *process }

func (b book) Register(ctx context.Context, targets []Target) error {
	id := targets[0].Instance
	accepted, refused := b.p.accepted("register", targets)
	err := b.p.call(ctx, "register", id, func(late lateness) {
		if late == 0 {
			b.p.w.judge(whenRegistered, scene{p: b.p, m: b.p.w.rigs[id], targets: accepted})
		}
		b.p.w.register(accepted, false)
	})
	return errors.Join(err, refused)
}

func (b book) Deregister(ctx context.Context, targets []Target) error {
	id := targets[0].Instance
	accepted, refused := b.p.accepted("deregister", targets)
	free := b.p.free(accepted)
	err := b.p.call(ctx, "deregister", id, func(late lateness) {
		switch m := b.p.w.rigs[id]; {
		case free: // as it was decided, it cost nothing
		case late > lateness(doubtTime): // the engine does not wait for that, and names what it finds
			m.lateOut = true
			m.strike(doubtTime + b.p.w.lag)
		case late == 0 || !b.p.dead && !b.p.lost: // what a dead process set off nobody can hold back
			b.p.w.judge(whenDeregistered, scene{p: b.p, m: m, targets: accepted, late: late})
		}
		b.p.w.deregister(accepted, late > 0, free || late > 0 && (b.p.dead || b.p.lost))
	})
	return errors.Join(err, refused)
}

var errRefused = errors.New("InvalidTarget: one target was refused")

// accepted returns the targets that the load balancer accepts, and an error if those are not all.
func (p *process) accepted(port string, targets []Target) ([]Target, error) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	p.alive()
	m := w.rigs[targets[0].Instance]
	accepted := targets
	if port == "register" && m.refusedFor.now() || port == "register" && m.lost {
		accepted = slices.DeleteFunc(slices.Clone(targets), func(t Target) bool { return m.lost || t == m.refused })
	}
	key := "accepted/" + p.name + port + m.ID
	if d := w.roll(key, w.next(key)); w.partial > 0 && !w.calm && len(accepted) > 1 && d.chance(w.partial) {
		accepted = accepted[:1+d.IntN(len(accepted)-1)]
	}
	if len(accepted) == len(targets) {
		return targets, nil
	}
	p.troubled(port, m.ID, "refused in part")
	return accepted, errRefused
}

func (b book) Health(ctx context.Context, of ...Target) (h Health, err error) {
	w := b.p.w
	at := time.Now()
	w.mu.Lock()
	late := w.answersAfter > 0 && !w.calm
	if late {
		h = narrow(w.answers(), of)
	}
	key := "answers/" + b.p.name
	d := w.roll(key, w.next(key))
	w.mu.Unlock()
	if late {
		b.p.looksAt()
		if err := b.p.wait(ctx, d.between(0, w.answersAfter)); err != nil {
			return nil, err
		}
		err = b.p.call(ctx, "health", "", func(lateness) {})
	} else {
		err = b.p.call(ctx, "health", "", func(lateness) {
			at, h = time.Now(), narrow(w.health(), of)
			b.p.looks()
		})
	}
	if err == nil {
		b.p.surveys(h, at)
	}
	return h, err
}

func (b book) Timing(ctx context.Context) ([]Timing, error) {
	return b.p.w.timing, b.p.call(ctx, "timing", "", func(lateness) {})
}

func (p *process) connect(ctx context.Context, i Instance) (Host, error) {
	h := &hand{p: p, m: p.w.find(i.ID)}
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
	errUnread      = errors.New("the connections could not be read")
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
		t = Traffic{Open: h.m.open(), Opened: uint64(b.connection), Source: h.m.source}
		switch unread := h.m.unread.now() && !h.p.w.calm; {
		case unread && h.m.half:
			t.Opened, t.Source = 0, Uncounted
		case unread:
			t, missing = Traffic{}, errUnread
		}
	})
	if err == nil && missing == nil {
		h.p.sampled(h.m.ID, t)
	}
	return t, errors.Join(err, missing)
}

func (h *hand) Drain(ctx context.Context) error { return h.signal(ctx, "drain", true) }

func (h *hand) Undrain(ctx context.Context) error { return h.signal(ctx, "undrain", false) }

func (h *hand) signal(ctx context.Context, port string, told bool) error {
	return h.call(ctx, port, func(late lateness) {
		b := h.m.listener()
		h.p.w.after(late, func() {
			if b == nil {
				return
			}
			b.told = told
			if soon := time.Now().Add(2 * time.Second); told && h.m.openUntil.After(soon) {
				h.m.openUntil = soon
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

func (h *hand) Settle(ctx context.Context) ([]string, error) {
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
	return nil, errors.Join(err, missing)
}
