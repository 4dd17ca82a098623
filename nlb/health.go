package nlb

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/rollout"
)

// Health describes every target of every group: one call a group, side by
// side. The answer is whole or an error: a part of it could pass for an
// instance that is in no group.
func (g *Groups) Health(ctx context.Context) (rollout.Health, error) {
	answers := make([]rollout.Health, len(g.groups))
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(atOnce)
	for i, in := range g.groups {
		calls.Go(func() (err error) {
			answers[i], err = g.health(ctx, in)
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(answers...), nil
}

// health describes the targets of one group. The API does not page this answer.
func (g *Groups) health(ctx context.Context, in group) (rollout.Health, error) {
	out, err := g.api.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: &in.arn})
	if err != nil {
		return nil, fmt.Errorf("describe target health of target group %s: %w", in.name, g.explain(in, err))
	}
	health := make(rollout.Health, 0, len(out.TargetHealthDescriptions))
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		health = append(health, rollout.TargetHealth{
			Target: rollout.Target{Group: in.arn, Instance: aws.ToString(d.Target.Id), Port: int(aws.ToInt32(d.Target.Port))},
			State:  rollout.TargetState(d.TargetHealth.State),
			Reason: string(d.TargetHealth.Reason),
		})
	}
	return health, nil
}
