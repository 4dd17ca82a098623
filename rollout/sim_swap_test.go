package rollout

import (
	"context"
	"errors"
	"time"
)

// Stop creates the new container, marks the old one as kept and asks it to
// stop; it then takes its grace, whether the caller waits or not.
func (h *hand) Stop(ctx context.Context, r Release) error {
	h.stopping, h.renamed, h.made = true, false, nil
	var stopped <-chan struct{}
	var missing error
	err := h.call(ctx, "stop", func(late lateness) { stopped, missing = h.retire(r, time.Duration(late)) })
	if err = errors.Join(err, missing); err != nil {
		return err
	}
	return await(ctx, h.p, stopped)
}

var errNoImage = errors.New("the image is gone: create no container")

func (h *hand) retire(r Release, late time.Duration) (<-chan struct{}, error) {
	m, w := h.m, h.p.w
	n := h.p.number(r)
	w.check("pulled before it is stopped", m.pulled[n] || !m.disturbed.IsZero(), m.ID)
	if !m.pulled[n] {
		return nil, errNoImage
	}
	h.p.quietsDown(m, "stops its container")
	question := "box/" + m.ID
	d := w.roll(question, w.next(question))
	h.made = &box{release: n, labelled: true, outcome: w.defect(n, m.ID)}
	m.next = h.made
	old := m.current
	if old == nil || m.previous != nil && !h.oldServes() {
		old = m.previous
	}
	m.current, m.previous, h.renamed = nil, old, true
	if old == nil || !old.running {
		m.changed()
		return nil, nil
	}
	grace := d.between(100*time.Millisecond, 20*time.Second)
	if !w.calm && d.chance(0.03) {
		grace = d.between(20*time.Second, 90*time.Second)
	}
	m.stop(old, late+grace)
	return old.stopping, nil
}

// defect is what is wrong with a release: most are sound, some are bad on one
// instance, a few everywhere.
func (w *sim) defect(release int, id string) defect {
	if release == finalRelease {
		return sound
	}
	whole := w.roll("defect", release)
	bad := pick(whole, exits, mute, unhealthy)
	if release > 1 && whole.chance(0.1) {
		return bad
	}
	if one := w.roll("defect/"+id, release); release > 1 && one.chance(0.05) {
		return pick(one, exits, mute, unhealthy)
	}
	return sound
}

func (h *hand) Start(ctx context.Context, r Release) error {
	var missing error
	err := h.call(ctx, "start", func(late lateness) {
		m, b := h.m, h.m.next
		switch {
		case b == nil && m.current != nil && m.current.release == h.p.number(r):
			return
		case b == nil:
			missing = errNoNext
			return
		}
		h.p.w.after(late, func() {
			if m.next == b {
				m.next, m.current = nil, b
				b.running = b.outcome != exits
				m.changed()
			}
		})
	})
	return errors.Join(err, missing)
}

func (h *hand) Prove(ctx context.Context, r Release) (time.Duration, error) {
	var b *box
	err := h.call(ctx, "prove", func(lateness) { b = h.m.current })
	if err != nil {
		return 0, err
	}
	if b == nil || b.release != h.p.number(r) {
		return 0, errNothingRuns
	}
	return time.Second, h.prove(ctx, b)
}

// prove waits until a container answers: one that is mute never does.
func (h *hand) prove(ctx context.Context, b *box) error {
	w := h.p.w
	if b.outcome == mute {
		<-ctx.Done()
		return errors.Join(ctx.Err(), errBad)
	}
	if err := h.p.wait(ctx, w.roll("answers/"+h.m.ID, b.release).between(200*time.Millisecond, 15*time.Second)); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	h.p.alive()
	if !b.running || b.stopping != nil || h.m.current != b || h.m.off {
		return errBad
	}
	b.proven = true
	return nil
}

// Revert puts the old container back: the new one ends, the old one's stop is
// waited for, then it is started and proven.
func (h *hand) Revert(ctx context.Context) error {
	var back, stopping *box
	var failed error
	err := h.call(ctx, "revert", func(late lateness) {
		if h.m.previous == nil || h.neverStopped() {
			back, failed = h.keep(time.Duration(late))
			return
		}
		stopping = h.giveUp(time.Duration(late))
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	if stopping != nil {
		if back, err = h.bringBack(ctx, stopping); err != nil {
			return err
		}
	}
	if err := h.prove(ctx, back); err != nil {
		return err
	}
	h.stopping, h.renamed = false, false
	return nil
}

// oldServes tells that the container in service is the one to go back to, and a
// kept one beside it is stale.
func (h *hand) oldServes() bool {
	b := h.m.current
	return b != nil && b.running && (h.neverStopped() || b.outcome != mute)
}

// neverStopped tells that the container in service is the old one.
func (h *hand) neverStopped() bool {
	m := h.m
	return m.current != nil && (!m.current.labelled || m.next != nil || h.stopping && !h.renamed)
}

// keep lets the old container, which was never stopped, serve on.
func (h *hand) keep(late time.Duration) (*box, error) {
	m := h.m
	m.next = nil
	b := m.current
	if b == nil || b == h.made {
		return nil, errNoPrevious
	}
	if !b.running {
		h.run(b, late)
	}
	return b, nil
}

func (h *hand) run(b *box, late time.Duration) {
	h.p.w.after(lateness(late), func() {
		if h.m.current == b && b.outcome != exits {
			b.running = true
			h.m.changed()
		}
	})
}

// giveUp ends the new container and answers the old one.
func (h *hand) giveUp(late time.Duration) *box {
	m := h.m
	if m.current != nil && m.current.running {
		h.p.quietsDown(m, "gives up its container")
		m.hurried = m.hurried || h.p.hurries()
	}
	m.current, m.next = nil, nil
	m.changed()
	old := m.previous
	if late > 0 && (old.stopping == nil || !old.running) {
		m.previous, m.current = nil, old
		old.stopping = nil
		h.run(old, late)
	}
	return old
}

// stopGrace is what a container may take to stop before it is killed.
const stopGrace = 32 * time.Second

func (h *hand) awaitStopped(ctx context.Context, old *box) error {
	h.p.w.mu.Lock()
	stopping := old.stopping
	h.p.w.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	if err := await(limited, h.p, stopping); err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	h.p.w.mu.Lock()
	defer h.p.w.mu.Unlock()
	h.p.alive()
	h.p.w.flow()
	h.m.ended(old, stopping)
	return nil
}

// bringBack starts the old container once its stop has ended.
func (h *hand) bringBack(ctx context.Context, old *box) (*box, error) {
	w := h.p.w
	if err := h.awaitStopped(ctx, old); err != nil {
		return nil, err
	}
	part, err := BeginPart(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.p.wait(ctx, w.roll("back/"+h.m.ID, old.release).between(50*time.Millisecond, 3*time.Second)); err != nil {
		return nil, err
	}
	h.p.awake()
	if err := CheckAct(part); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	h.p.alive()
	w.flow()
	w.judge(whenActLands, scene{p: h.p, m: h.m, port: "revert"})
	switch {
	case h.m.off:
		return nil, errFault
	case h.m.previous != old:
		return nil, errNoPrevious
	}
	h.m.previous, h.m.current = nil, old
	old.stopping, old.told = nil, false
	h.run(old, 0)
	w.note(h.p.name+" brought back", h.m.ID)
	return old, nil
}
