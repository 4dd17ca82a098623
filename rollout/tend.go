package rollout

import (
	"context"
	"errors"
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
		p.unclosed = true
		p.remark(StepRegister, "found out of its target groups after it was put back: registered again")
		if err := p.registerAgain(ctx, p.last(), missing); err != nil {
			p.doubt = time.Now() // not before a later look is this over
			p.remark(StepRegister, "%s", oneLine(err))
		}
	}
	return missed
}

// inService reports whether this run took the instance out and put it back.
func (p *passage) inService() bool {
	return p.taken && (p.outcome == Updated || p.outcome == Restored)
}

// census is the last look, which finds who joined the fleet meanwhile, and who runs
// the release and is not healthy: that is looked at until the time for health is
// over. While a failed call may still be applied, whatever the run put back is watched
// and kept in. A run that is broken off leaves that, as its journal does, to recovery.
func (r *run) census(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, doubtful+r.Policy.Health)
	defer cancel()
	var ill []*passage
	for look := !r.healing && (r.touched.Load() || r.ailing()); ctx.Err() == nil && (look || len(ill) > 0 || r.inDoubt()); look = false {
		began := time.Now()
		health, err := r.watch.health(ctx)
		if err != nil {
			if ctx.Err() == nil {
				r.report.remark("the last look at target health failed: " + oneLine(err))
			}
			continue
		}
		r.unknown.find(health, r.report)
		if ill = r.ill(health); !r.inDoubt() {
			continue // who left meanwhile was taken out by somebody else
		}
		r.mend(ctx, r.tend(ctx, health))
		if err := r.dispel(ctx, began); err != nil {
			r.report.remark(oneLine(err))
			break
		}
	}
	if ctx.Err() != nil { // also by a signal: they were ill when it came
		r.lose(ill)
	}
	if r.inDoubt() {
		r.report.remark("a call to the load balancer failed and may still be applied: recovery looks again")
	}
}

// ailing reports whether an instance that the run had nothing to do with was not
// healthy when it began.
func (r *run) ailing() bool {
	return slices.ContainsFunc(r.passages, func(p *passage) bool { return p.same && !p.served() })
}

// ill are the instances that are to serve, by this run or before it, and that are
// registered but not healthy.
func (r *run) ill(health Health) []*passage {
	var ill []*passage
	for _, p := range r.passages {
		serves := p.same && !r.healing || p.inService() && (p.outcome == Updated || p.served())
		missing, unhealthy := p.standing(health)
		if !serves || len(missing) > 0 || len(unhealthy) == 0 {
			continue
		}
		r.report.emit(Event{Kind: StepMoved, Detail: fmt.Sprintf("waiting for %s: %s", p.instance.ID, unhealthy)})
		ill = append(ill, p)
	}
	return ill
}

// lose notes that instances ended out of service after all.
func (r *run) lose(ill []*passage) {
	for _, p := range ill {
		says := "it was in service, and the load balancer does not call it healthy any more"
		if p.same {
			says = "it runs the release, and the load balancer does not call it healthy"
		}
		p.outcome, p.err = Lost, errors.Join(p.err, errors.New(says))
		p.emit(Event{Kind: InstanceEnded, Detail: string(p.outcome), Err: p.err})
	}
}

// mend waits for instances that had to be registered again.
func (r *run) mend(ctx context.Context, missed []*passage) {
	r.each(missed, func(p *passage) {
		if p.outcome == Restored && !p.served() {
			return // it was not healthy before either
		}
		_, err := p.awaitHealthy(ctx, p.last())
		if err != nil && ctx.Err() == nil {
			p.outcome, p.err = Lost, fmt.Errorf("registered again: %w", err)
		}
	})
}

// inDoubt reports whether a failed call may still be applied, or may have been
// since the last look.
func (r *run) inDoubt() bool {
	return slices.ContainsFunc(r.passages, func(p *passage) bool {
		return p.inService() && (p.unclosed || !p.doubt.IsZero())
	})
}

// dispel ends the doubts that a look which began then was late enough for, and
// closes what they kept open in the journal.
func (r *run) dispel(ctx context.Context, began time.Time) error {
	for _, p := range r.passages {
		if !p.inService() || began.Sub(p.doubt) < doubtful {
			continue
		}
		if err := p.close(ctx); err != nil {
			return err
		}
		p.doubt = time.Time{}
	}
	return nil
}

// last is the row that has to hold for the instance to be in service.
func (p *passage) last() StepName {
	if p.outcome == Updated {
		return StepJoin
	}
	return StepDeregister
}

// close writes the entry that ends the passage, if that is still to be done.
func (p *passage) close(ctx context.Context) error {
	if !p.unclosed {
		return nil
	}
	name, mark := StepDeregister, Undone
	if p.outcome == Updated {
		name, mark = StepSettle, Done
	}
	if err := p.journal(ctx, name, mark, nil); err != nil {
		return fmt.Errorf("%s: journal that it is back: %w", p.instance.ID, err)
	}
	p.unclosed = false
	return nil
}
