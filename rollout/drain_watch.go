package rollout

import (
	"context"
	"fmt"
	"time"
)

// awaitQuiet samples the deregistered instance until the evidence shows that its clients have left. It returns a sentence
// on how the drain ended, and an error only if ctx ended first.
func (u *instanceUpdate) awaitQuiet(ctx context.Context, name StepName) (string, error) {
	e := &u.meter.evidence
	e.leave(u.registration.deregisteredAt, u.session.thinned())
	for {
		u.meter.look(ctx)
		done, seen := e.drained(time.Now())
		if done {
			return concludeDrain(u, name, seen), nil
		}
		u.report.moved(name, seen)
		if err := sleep(ctx, e.pause(time.Now())); err != nil {
			return seen, err
		}
	}
}

// thinned returns the factor by which pauses between clients grow once a batch is back that was out during the watch.
func (s *session) thinned() float64 {
	all := len(s.Instances)
	return float64(all) / float64(max(1, all-s.Policy.Batch.Of(all)))
}

// concludeDrain adds what the drain cut, and remarks on that and on what could not be counted.
func concludeDrain(u *instanceUpdate, name StepName, seen string) string {
	e := &u.meter.evidence
	if e.blind != nil {
		u.report.remark(name, "traffic %s: drained by the clock", oneLine(e.blind))
	}
	open, known := e.cut()
	if !known {
		return seen + ", what it cut was not counted"
	}
	if open > 0 {
		u.report.remark(name, "%d connections were still open at the end of the drain", open)
	}
	return fmt.Sprintf("%s, %d connections cut", seen, open)
}
