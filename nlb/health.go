package nlb

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/rollout"
)

// Health describes these targets, or every target of every group if none is named. It makes one call per group, in
// parallel. If more than 200 targets of a group are named, or if the API refuses one of them, it describes all targets
// of that group. It returns either the whole result or an error, because with a partial result an instance could seem
// to be in no group.
func (g *Groups) Health(ctx context.Context, targets ...rollout.Target) (rollout.Health, error) {
	parts, err := g.reads(targets)
	if err != nil {
		return nil, fmt.Errorf("describe target health of %s: %w", instances(targets), err)
	}
	answers := make([]rollout.Health, len(parts))
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(groupsAtOnce)
	for i, p := range parts {
		calls.Go(func() (err error) {
			answers[i], err = g.health(ctx, p)
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(answers...), nil
}

// reads returns the targets to describe in each group. A part without targets means all of its group.
func (g *Groups) reads(targets []rollout.Target) ([]part, error) {
	if len(targets) == 0 {
		var all []part
		for _, in := range g.groups {
			all = append(all, part{group: in})
		}
		return all, nil
	}
	order, byGroup, err := g.sorted(targets)
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, in := range order {
		p := part{group: in, targets: byGroup[in]}
		if len(p.targets) > targetsPerCall {
			p.targets = nil
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// health describes targets of one group. The API does not page this result. A named target that is not registered comes
// back as unused and is left out, so that the result is the same as when all targets are described.
func (g *Groups) health(ctx context.Context, p part) (rollout.Health, error) {
	in := p.group
	out, err := g.describe(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("describe target health of target group %s: %w", in.name, explain(in, err))
	}
	health := make(rollout.Health, 0, len(out.TargetHealthDescriptions))
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil || d.TargetHealth.Reason == types.TargetHealthReasonEnumNotRegistered {
			continue
		}
		health = append(health, rollout.TargetHealth{
			Target: rollout.Target{Group: in.arn, Instance: aws.ToString(d.Target.Id), Port: int(aws.ToInt32(d.Target.Port))},
			State:  rollout.TargetState(d.TargetHealth.State),
			Reason: string(d.TargetHealth.Reason),

			Shifted: shifted(d.AdministrativeOverride),
		})
	}
	return health, nil
}

// shifted reports whether a zonal shift sends the traffic of a target's zone elsewhere. With cross-zone load balancing off
// the zone's address is taken out of DNS instead, which ends the traffic too.
func shifted(o *types.AdministrativeOverride) bool {
	return o != nil && (o.State == types.TargetAdministrativeOverrideStateEnumZonalShiftActive ||
		o.State == types.TargetAdministrativeOverrideStateEnumZonalShiftDelegatedToDns)
}

// describe reads all targets if the API refuses one of those named, such as an instance that was terminated, because
// the others must not wait for it.
func (g *Groups) describe(ctx context.Context, p part) (*elbv2.DescribeTargetHealthOutput, error) {
	input := &elbv2.DescribeTargetHealthInput{TargetGroupArn: &p.group.arn, Targets: descriptions(p.targets)}
	out, err := g.api.DescribeTargetHealth(ctx, input)
	var refused *types.InvalidTargetException
	if errors.As(err, &refused) && len(p.targets) > 0 {
		input.Targets = nil
		out, err = g.api.DescribeTargetHealth(ctx, input)
	}
	return out, err
}
