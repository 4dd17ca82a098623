package rollout

import (
	"context"
	"fmt"
	"time"
)

// drainWatch samples the traffic of a deregistered instance until the evidence shows that its clients have left.
type drainWatch struct {
	evidence evidence
	meter    *trafficMeter
	since    time.Time // the instance was deregistered

	moved  func(detail string)
	remark func(format string, args ...any)
}

// wait returns a sentence on how the drain ended, and an error only if ctx ended first.
func (w *drainWatch) wait(ctx context.Context) (string, error) {
	for {
		done, seen := w.look(ctx)
		if done {
			return w.summary(seen), nil
		}
		w.moved(seen)
		if err := sleep(ctx, w.evidence.pause(time.Since(w.since))); err != nil {
			return seen, err
		}
	}
}

// look takes one sample, unless the drain is fixed, and decides whether the drain is over.
func (w *drainWatch) look(ctx context.Context) (done bool, seen string) {
	if !w.evidence.policy.Fixed {
		t, err := w.meter.sample(ctx)
		w.evidence.observe(time.Since(w.since), t, err)
	}
	return w.evidence.drained(time.Since(w.since))
}

// summary returns a sentence on how the drain ended, and remarks on what could not be counted.
func (w *drainWatch) summary(seen string) string {
	e := &w.evidence
	if e.blind != "" && !e.sampled {
		w.remark("traffic %s: drained by the clock", e.blind)
	}
	if e.unsure() {
		w.remark("connections were opened to the end of the drain, which may be health checks: the kernel's count includes those, and a count of the service's own would not")
	}
	cut, known := e.cut()
	if !known {
		return seen + ", what it cut was not counted"
	}
	if cut > 0 {
		w.remark("%d connections were still open at the end of the drain", cut)
	}
	return fmt.Sprintf("%s, %d connections cut", seen, cut)
}

// awaitQuiet waits until the traffic of the deregistered instance has left.
func (u *instanceUpdate) awaitQuiet(ctx context.Context, name StepName) (string, error) {
	w := &drainWatch{
		evidence: evidence{policy: u.session.Policy.Drain, before: u.meter.rate},
		meter:    &u.meter,
		since:    u.registration.deregisteredAt,
		moved:    func(detail string) { u.report.moved(name, detail) },
		remark:   func(format string, args ...any) { u.report.remark(name, format, args...) },
	}
	return w.wait(ctx)
}
