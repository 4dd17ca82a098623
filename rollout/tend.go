package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// doubtful is how long a call whose answer was an error may still be applied.
const doubtful = 60 * time.Second

// tend registers again what the run put back into service and the load balancer
// does not have: a deregistration whose caller gave up may be applied after the
// registration that was to undo it.
func (r *run) tend(ctx context.Context, health Health) []*passage {
	var missed []*passage
	for _, p := range r.passages {
		if !p.inService() {
			continue
		}
		missing, _ := p.standing(health)
		if len(missing) == 0 {
			continue
		}
		missed = append(missed, p)
		p.remark(StepRegister, "found out of its target groups after it was put back: registered again")
		if err := p.registerAgain(ctx, StepDeregister, missing); err != nil {
			p.remark(StepRegister, "%s", oneLine(err))
		}
	}
	return missed
}

// inService reports whether this run took the instance out and put it back.
func (p *passage) inService() bool {
	return p.taken && (p.outcome == Updated || p.outcome == Restored)
}

// census is the last look: while a failed call may still be applied, whatever
// the run put back is watched and kept in.
func (r *run) census(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, doubtful+r.Policy.Health)
	defer cancel()
	for ctx.Err() == nil && r.inDoubt() {
		began := time.Now()
		health, err := r.watch.health(ctx)
		if err != nil {
			r.remark("the last look at target health failed: " + oneLine(err))
			continue
		}
		r.mend(ctx, r.tend(ctx, health))
		r.dispel(began)
	}
}

// mend waits for instances that had to be registered again.
func (r *run) mend(ctx context.Context, missed []*passage) {
	r.each(missed, func(p *passage) {
		_, err := p.awaitHealthy(ctx, StepDeregister)
		if err == nil {
			err = p.journal(ctx, StepDeregister, Undone, nil)
		}
		if err != nil && ctx.Err() == nil {
			p.outcome, p.err = Lost, fmt.Errorf("registered again: %w", err)
		}
	})
}

// inDoubt reports whether a failed call may still be applied, or may have been
// since the last look.
func (r *run) inDoubt() bool {
	return slices.ContainsFunc(r.passages, func(p *passage) bool { return p.inService() && !p.doubt.IsZero() })
}

// dispel ends the doubts that a look which began then was late enough for.
func (r *run) dispel(began time.Time) {
	for _, p := range r.passages {
		if began.Sub(p.doubt) >= doubtful {
			p.doubt = time.Time{}
		}
	}
}
