package rollout

import (
	"context"
	"fmt"
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
	for ctx.Err() == nil && r.inDoubt() {
		health, err := r.watch.health(ctx)
		if err != nil {
			r.remark("the last look at target health failed: " + oneLine(err))
			continue
		}
		r.mend(ctx, r.tend(ctx, health))
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

func (r *run) inDoubt() bool {
	for _, p := range r.passages {
		if p.inService() && !p.doubt.IsZero() && time.Since(p.doubt) < doubtful {
			return true
		}
	}
	return false
}
