package deploy

import (
	"cmp"
	"context"
	"fmt"

	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

// Plan returns the changes that [Operator.Deploy] would make with a tag, and changes nothing. The error is the one that
// the deploy would end with if nothing else failed, and the plan has its outcome.
func (o *Operator) Plan(ctx context.Context, tag string) (rollout.Plan, error) {
	return o.rehearse(ctx, o.options.OnlyForward, func(inFlight []string) (conditions, error) { return o.plan(ctx, tag, inFlight...) })
}

// PlanRollback returns the changes that [Operator.Rollback] would make, as [Operator.Plan] does for a deploy.
func (o *Operator) PlanRollback(ctx context.Context, runID string) (rollout.Plan, error) {
	return o.rehearse(ctx, false, func(inFlight []string) (conditions, error) { return o.planRollback(ctx, runID, inFlight...) })
}

// rehearse makes the plan of a run under the conditions that meet returns.
func (o *Operator) rehearse(ctx context.Context, onlyForward bool, meet func(inFlight []string) (conditions, error)) (rollout.Plan, error) {
	unfinished, err := o.checkFree(ctx)
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
	config.Within = o.lifetime()
	load.addTo(&config)
	plan, err := rollout.MakePlan(ctx, config)
	for _, run := range unfinished {
		remarks = append(remarks, fmt.Sprintf("run %s did not finish: first of all, the instances that it left out of service are put back", run.RunID))
	}
	for _, text := range c.skipped {
		remarks = append(remarks, "WARNING "+text)
	}
	plan.Remarks = append(plan.Remarks, remarks...)
	return plan, oneline.Error(withRemedy(o.name, err))
}

// checkFree returns the runs that were left unfinished. It returns an error if no run could begin now, because another
// run holds the environment or another service the target groups.
func (o *Operator) checkFree(ctx context.Context) ([]ledger.Run, error) {
	l, err := o.openLedger(o.name)
	if err != nil {
		return nil, err
	}
	status, err := l.Current(ctx)
	if err = cmp.Or(err, status.Refusal()); err != nil {
		return nil, err
	}
	if err := l.CheckClaims(ctx, o.fleet.TargetGroups); err != nil {
		return nil, err
	}
	if status.Lease != nil {
		return append(status.Unfinished, status.Lease.Run), nil
	}
	return status.Unfinished, nil
}
