package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
			r.remark(fmt.Sprintf("%s was in flight when run %s died, but is not in the fleet any more", id, dead.Run))
		}
	}
	if len(r.passages) == 0 {
		return nil
	}
	health, err := r.watch.health(ctx)
	if err != nil {
		return fmt.Errorf("read the target groups' health: %w", err)
	}
	r.each(r.passages, func(p *passage) {
		p.land(ctx, flights[p.instance.ID], health, dead)
		p.emit(Event{Kind: InstanceEnded, Detail: string(p.outcome), Err: p.err})
	})
	r.census(ctx)
	return r.unhealed()
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

// flight is how far a dead run took one instance.
type flight struct {
	targets  []Target
	old, new string
	// undoing is set when it was on its way back already: what it had started was
	// found wanting.
	undoing bool
}

// inFlight reads from a journal which instances were taken out and not put
// back. A later run's entries count after an earlier one's.
func inFlight(entries []Entry) map[string]flight {
	flights := map[string]flight{}
	for _, e := range entries {
		f, out := flights[e.Instance]
		switch {
		case e.Step == StepPrepare:
			continue
		case e.Mark == Done && e.Step == StepJoin, e.Mark == Undone && e.Step == StepDeregister:
			delete(flights, e.Instance)
			continue
		case e.Step == StepSettle && !out:
			continue
		case !out:
			f = flight{targets: e.Targets, old: e.Old, new: e.New}
		}
		f.undoing = f.undoing || e.Mark == Undoing
		flights[e.Instance] = f
	}
	return flights
}

// land puts one instance back into service.
func (p *passage) land(ctx context.Context, f flight, health Health, dead Dead) {
	p.targets, p.release = f.targets, p.releaseOf(f.new, dead.Release)
	for _, target := range f.targets {
		p.registered = append(p.registered, TargetHealth{Target: target, State: TargetHealthy})
	}
	if err := p.reach(ctx); err != nil {
		p.outcome, p.err = Lost, err
		return
	}
	runs := p.before.Release.Digest()
	p.before.Release = p.releaseOf(f.old, dead.Release)
	if p.before.Running && runs == f.new && !f.undoing {
		if _, err := p.prove(ctx); err == nil {
			p.walk(ctx, life, index(StepRegister))
			return
		}
	}
	through := StepProve
	if missing, _ := p.standing(health); runs == f.new && len(missing) < len(p.targets) {
		through = StepRegister // the wrong container gets traffic: it drains first
	}
	p.back(ctx, life[:index(through)+1], fmt.Errorf("run %s died with this instance out of service", dead.Run))
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
