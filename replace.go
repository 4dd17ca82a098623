package deploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// Swap replaces an instance: it drains the old one, calls apply, which creates the new one and returns its ID, and
// waits until the new one is in service. If apply fails, the old one is put back into service, unless the error wraps
// [rollout.ErrGone].
type Swap func(ctx context.Context, oldID string, apply func(context.Context) (newID string, err error)) error

// Replace acquires the environment, puts back the instances that unfinished runs left out of service, and calls each
// with a function that replaces one instance. The new instances are read from the fleet's source.
func (o *Operator) Replace(ctx context.Context, each func(context.Context, Swap) error) (report.Document, error) {
	c, err := o.instanceConditions()
	if err != nil {
		return report.Document{}, err
	}
	r, err := o.acquire(ctx, c)
	if err != nil {
		return report.Document{}, err
	}
	if o.options.Out != nil {
		// The caller prints the creation of instances, which would break a live view.
		r.events.Add(report.Plain(o.options.Out))
	}
	t := &replacements{run: r}
	if t.last, err = r.heal(); err == nil {
		err = each(r.ctx, t.swap)
	}
	return r.end(t.last, err)
}

// replacements replaces instances in turn. Each replacement changes the fleet for the next one.
type replacements struct {
	run  *run
	last rollout.Result
}

func (t *replacements) swap(ctx context.Context, oldID string, apply func(context.Context) (string, error)) (err error) {
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

// instance reads a new instance.
func (t *replacements) instance(ctx context.Context, id string) (rollout.Instance, error) {
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
