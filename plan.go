package deploy

import (
	"context"
	"fmt"

	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

// Plan returns what [Operator.Deploy] would do with a tag, and changes nothing. The error is the one that the deploy
// would end with if nothing else went wrong, and the plan has its outcome.
func (o *Operator) Plan(ctx context.Context, tag string) (rollout.Plan, error) {
	return o.rehearse(ctx, o.options.OnlyForward, func(inFlight []string) (conditions, error) { return o.plan(ctx, tag, inFlight...) })
}

// PlanRollback returns what [Operator.Rollback] would do, as [Operator.Plan] does for a deploy.
func (o *Operator) PlanRollback(ctx context.Context, runID string) (rollout.Plan, error) {
	return o.rehearse(ctx, false, func(inFlight []string) (conditions, error) { return o.planRollback(ctx, runID, inFlight...) })
}

// rehearse makes the plan of a run under the conditions that meet returns.
func (o *Operator) rehearse(ctx context.Context, onlyForward bool, meet func(inFlight []string) (conditions, error)) (rollout.Plan, error) {
	unfinished, err := o.free(ctx)
	if err != nil {
		return rollout.Plan{}, err
	}
	c, err := meet(ledger.InFlight(unfinished))
	if err != nil {
		return rollout.Plan{}, err
	}
	var remarks []string
	if onlyForward {
		compared, err := c.hosts.Compare(ctx, c.release)
		if err != nil {
			return rollout.Plan{}, oneline.Error(err)
		}
		if remarks = compared.Remarks; compared.Older != "" {
			remarks = append(remarks, compared.Older)
			return rollout.Plan{Environment: o.name, Release: c.release, Policy: o.policy, Outcome: rollout.Skipped, Remarks: remarks}, nil
		}
	}
	load, err := startProbe(ctx, o.options.Probe)
	if err != nil {
		return rollout.Plan{}, err
	}
	defer load.stop()
	config := o.config(c)
	load.judges(&config)
	plan, err := rollout.MakePlan(ctx, config)
	for _, run := range unfinished {
		remarks = append(remarks, fmt.Sprintf("run %s did not finish: before all else, what it left out of service is put back", run.RunID))
	}
	for _, text := range c.skipped {
		remarks = append(remarks, "WARNING "+text)
	}
	plan.Remarks = append(plan.Remarks, remarks...)
	return plan, oneline.Error(remedied(o.name, err))
}

// free returns the runs that died, and an error if a run could not begin: another one holds the environment, or another
// service the target groups.
func (o *Operator) free(ctx context.Context) ([]ledger.Run, error) {
	books, err := o.books(o.name)
	if err != nil {
		return nil, err
	}
	status, err := books.Current(ctx)
	if err != nil {
		return nil, err
	}
	if err := status.Refusal(); err != nil {
		return nil, err
	}
	if err := books.CheckClaims(ctx, o.fleet.TargetGroups); err != nil {
		return nil, err
	}
	if status.Lease != nil {
		return append(status.Unfinished, status.Lease.Run), nil
	}
	return status.Unfinished, nil
}
