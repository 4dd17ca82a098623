package targets

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// replaceInTurn replaces the instances that an apply would take, one after the
// other, under the environment's lease. Who agreed to that agreed to the rest of the
// plan too, and is not asked again: the settings that it returns say so.
func replaceInTurn(ctx context.Context, e *infra.Environment, s settings) (settings, error) {
	taken, err := takenBy(ctx, e)
	if err != nil || len(taken) == 0 {
		return s, err
	}
	question := fmt.Sprintf("Replace %d instances of %s in turn, and apply the rest of the plan?", len(taken), s.Environment)
	if err := s.agree(question); err != nil {
		return s, err
	}
	s.Ask = false
	return s, s.replace(ctx, e, taken)
}

// replace replaces the instances under the environment's lease.
func (s settings) replace(ctx context.Context, e *infra.Environment, taken []infra.Taken) error {
	_, held, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer held.stop()
	// Terraform prints too: a live view would be torn.
	held.config.Observe = report.Plain(stdout())
	last, err := heal(held.ctx, held.lease, held.config)
	if err == nil {
		turn := &turns{environment: e, config: held.config, last: last}
		err = e.OneByOne(held.ctx, taken, turn.replace)
		last = turn.last
		printf("replaced %d/%d\n", turn.done, len(taken))
	}
	return ended(last.Outcome, errors.Join(err, finish(held.ctx, held.lease, last)))
}

// takenBy are the instances that an apply would take out of service.
func takenBy(ctx context.Context, e *infra.Environment) ([]infra.Taken, error) {
	plan, err := e.Plan(ctx)
	if err != nil {
		return nil, err
	}
	return plan.Taken(), errors.Join(plan.AllowedInTurn(), plan.Close())
}

// turns are the replacements of a fleet, each of which changes it.
type turns struct {
	environment *infra.Environment
	config      rollout.Config
	last        rollout.Result
	done        int
}

func (t *turns) replace(ctx context.Context, old infra.Taken, apply func(context.Context) (string, error)) (err error) {
	var successor rollout.Instance
	t.last, err = rollout.Replace(ctx, t.config, old.ID, func(ctx context.Context) (rollout.Instance, error) {
		id, err := apply(ctx)
		if err == nil {
			successor, err = t.instance(ctx, id)
		}
		return successor, err
	})
	if err != nil {
		return err
	}
	t.config.Instances = slices.Clone(t.config.Instances)
	at := slices.IndexFunc(t.config.Instances, func(i rollout.Instance) bool { return i.ID == old.ID })
	t.config.Instances[at] = successor
	t.done++
	return nil
}

// instance reads an instance that was just made from the outputs.
func (t *turns) instance(ctx context.Context, id string) (rollout.Instance, error) {
	outputs, err := t.environment.Outputs(ctx)
	if err != nil {
		return rollout.Instance{}, err
	}
	for _, i := range outputs.Instances {
		if i.ID == id {
			return i, nil
		}
	}
	return rollout.Instance{}, fmt.Errorf("the outputs do not name the new instance %s", id)
}
