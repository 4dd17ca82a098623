package deploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// Swap replaces an instance by another one: it drains the old one, calls apply, which makes the new one and returns its
// ID, and waits until that is in service.
type Swap func(ctx context.Context, oldID string, apply func(context.Context) (newID string, err error)) error

// Replace holds the environment, puts back what dead runs left out, and calls each with the means to replace instances
// one after the other. The new ones are read from the fleet's source.
func (o *Operator) Replace(ctx context.Context, each func(context.Context, Swap) error) (report.Document, error) {
	c, err := o.sealed()
	if err != nil {
		return report.Document{}, err
	}
	r, err := o.take(ctx, c)
	if err != nil {
		return report.Document{}, err
	}
	if o.options.Out != nil {
		// Whoever makes instances prints too, and would tear a live view.
		plain := report.Plain(o.options.Out)
		r.config.Observe = func(e rollout.Event) { plain(e); o.options.Observe(e) }
	}
	t := &turns{run: r}
	if t.last, err = r.heal(); err == nil {
		err = each(r.ctx, t.swap)
	}
	return r.end(t.last, err)
}

// turns are the replacements of a fleet, each of which changes it.
type turns struct {
	run  *run
	last rollout.Result
}

func (t *turns) swap(ctx context.Context, oldID string, apply func(context.Context) (string, error)) (err error) {
	var successor rollout.Instance
	t.last, err = rollout.Replace(ctx, t.run.config, oldID, func(ctx context.Context) (rollout.Instance, error) {
		id, err := apply(ctx)
		if err == nil {
			successor, err = t.instance(ctx, id)
		}
		return successor, err
	})
	if err != nil {
		return err
	}
	t.run.config.Instances = slices.Clone(t.run.config.Instances)
	at := slices.IndexFunc(t.run.config.Instances, func(i rollout.Instance) bool { return i.ID == oldID })
	t.run.config.Instances[at] = successor
	return nil
}

// instance reads an instance that was just made.
func (t *turns) instance(ctx context.Context, id string) (rollout.Instance, error) {
	o := t.run.operator
	now, err := o.source.Fleet(ctx, o.name)
	if err != nil {
		return rollout.Instance{}, err
	}
	at := slices.IndexFunc(now.Instances, func(i rollout.Instance) bool { return i.ID == id })
	if at < 0 {
		return rollout.Instance{}, fmt.Errorf("the fleet of %s does not name the new instance %s", o.name, id)
	}
	return now.Instances[at], nil
}
