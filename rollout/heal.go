package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Dead is a run that ended without putting its instances back: what its journal
// still says.
type Dead struct {
	// Run is its ID.
	Run string
	// Release is what it rolled out.
	Release Release
	// Entries is its journal, in order, with that of a recovery which died too.
	Entries []Entry
}

// Heal puts every instance that a dead run had in flight back into service. What
// really runs there decides, the journal only says where to look: a new
// container that is proven stays and joins; anything else goes back to the old
// one. Healing twice, or healing what a killed Heal left, is harmless. Of c's
// fields the release is not used.
func Heal(ctx context.Context, c Config, dead Dead) (Result, error) {
	c.Release = dead.Release
	r, err := newRun(c)
	if err != nil {
		return r.result(err), err
	}
	defer r.close()
	r.healing = true
	r.touched.Store(true)
	err = r.heal(ctx, dead)
	return r.result(err), err
}

func (r *run) heal(ctx context.Context, dead Dead) error {
	flights := inFlight(dead.Entries)
	r.passages = slices.DeleteFunc(r.passages, func(p *passage) bool {
		_, out := flights[p.instance.ID]
		return !out
	})
	for id := range flights {
		if !slices.ContainsFunc(r.passages, func(p *passage) bool { return p.instance.ID == id }) {
			r.report.remark(fmt.Sprintf("%s was in flight when run %s died, but is not in the fleet any more", id, dead.Run))
		}
	}
	if len(r.passages) == 0 {
		return nil
	}
	health, err := r.watch.health(ctx)
	if err != nil {
		return fmt.Errorf("read the target groups' health: %w", err)
	}
	r.unknown.find(health, r.report)
	if slices.ContainsFunc(r.passages, func(p *passage) bool { return len(flights[p.instance.ID].targets) == 0 }) {
		if r.timing, err = r.Balancer.Timing(ctx); err != nil {
			return fmt.Errorf("read the target groups' timing: %w", err)
		}
	}
	r.each(r.passages, func(p *passage) {
		p.land(ctx, flights[p.instance.ID], health, dead)
		p.emit(Event{Kind: InstanceEnded, Detail: string(p.outcome), Err: p.err})
	})
	r.census(ctx)
	_ = sleep(ctx, r.routing(nil)) // who deploys next counts on them; a signal ends only the wait
	return errors.Join(r.unhealed(), r.unsure(ctx))
}

// unsure tells that recovery ended before it could know that all is well.
func (r *run) unsure(ctx context.Context) error {
	if !r.inDoubt() {
		return nil
	}
	return r.brokenOff(ctx, errors.New("a call to the load balancer failed and may still be applied: heal again"))
}

// unhealed joins what could not be put back.
func (r *run) unhealed() error {
	var errs []error
	for _, p := range r.passages {
		if p.outcome == Lost {
			errs = append(errs, fmt.Errorf("%s: %w", p.instance.ID, p.err))
		}
	}
	return errors.Join(errs...)
}

// land puts one instance back into service.
func (p *passage) land(ctx context.Context, f flight, health Health, dead Dead) {
	if p.targets, p.release = f.targets, p.releaseOf(f.new, dead.Release); len(f.targets) == 0 {
		p.remark(StepRegister, "the journal of run %s names no targets: taken from the target groups", dead.Run)
		p.enroll(health, p.run.timing)
	}
	before := TargetHealthy
	if f.unserved {
		before = TargetUnhealthy
	}
	p.registered = nil
	for _, target := range p.targets {
		p.registered = append(p.registered, TargetHealth{Target: target, State: before})
	}
	if f.open {
		p.taken, p.doubt = true, time.Now()
	}
	err := p.reach(ctx)
	runs := p.before.Release.Digest()
	p.before.Release = p.releaseOf(f.old, dead.Release)
	missing, _ := p.standing(health)
	switch {
	case f.joined && len(missing) == 0:
		p.tidy(ctx, err == nil && p.before.Running && runs == f.new)
		return
	case err != nil:
		p.outcome, p.err = Lost, err
		return
	}
	if p.before.Running && runs == f.new && !f.undoing {
		if _, err := p.prove(ctx); err == nil {
			p.walk(ctx, life, index(StepRegister))
			return
		}
	}
	p.back(ctx, life[:index(p.wentThrough(f, runs, health))+1], fmt.Errorf("run %s died with this instance out of service", dead.Run))
}

// wentThrough is the last row that has to be undone.
func (p *passage) wentThrough(f flight, runs string, health Health) StepName {
	missing, _ := p.standing(health)
	switch {
	case p.before.Running && runs == f.new && (f.joining || len(missing) < len(p.targets)):
		return StepRegister // the wrong container may get traffic: it drains first
	case !f.swapping && p.before.Running:
		return StepDrain // no container was touched
	default:
		return StepProve
	}
}

// tidy settles an instance that was in service already when the run died. What
// cannot be tidied costs nothing but a remark.
func (p *passage) tidy(ctx context.Context, same bool) {
	p.outcome = Unchanged
	if !same {
		p.remark(StepSettle, "could not be settled after the run that died; the next update of the instance does it")
		return
	}
	p.running = p.release.Digest()
	p.walk(ctx, life, index(StepSettle))
}

// reach connects to the instance and looks at what runs there.
func (p *passage) reach(ctx context.Context) (err error) {
	if p.host, err = p.run.Connect(ctx, p.instance); err == nil {
		p.before, err = p.host.Inspect(ctx)
	}
	if err == nil && p.before.InstanceID != p.instance.ID {
		err = fmt.Errorf("inspect %s: the machine at %s says it is %s: apply Terraform, or mend the fleet", p.instance.ID, p.instance.Address, p.before.InstanceID)
	}
	return err
}

// releaseOf is the release with this digest; the dead run's own where it is that.
func (p *passage) releaseOf(digest string, dead Release) Release {
	if digest == dead.Digest() {
		return dead
	}
	return Release{Image: dead.Repository() + "@" + digest}
}
