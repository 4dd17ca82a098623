package nlb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/rollout"
)

const (
	// groupsAtOnce is the number of target groups that are called at the same time.
	groupsAtOnce = 8
	// targetsPerCall is the number of targets in one call. Other tools keep to the same bound.
	targetsPerCall = 200
)

// Register registers targets in their groups, each on its port. It tries every group even if another one fails; the
// error names each group that failed and its targets. Requests made at the same time may share calls.
func (g *Groups) Register(ctx context.Context, targets []rollout.Target) error {
	return g.change(ctx, "register", "in", targets, func(ctx context.Context, group string, targets []types.TargetDescription) error {
		_, err := g.api.RegisterTargets(ctx, &elbv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: targets})
		return err
	})
}

// Deregister removes targets from their groups, each from its port. It tries every group even if another one fails; the
// error names each group that failed and its targets. Requests made at the same time may share calls.
func (g *Groups) Deregister(ctx context.Context, targets []rollout.Target) error {
	return g.change(ctx, "deregister", "from", targets, func(ctx context.Context, group string, targets []types.TargetDescription) error {
		_, err := g.api.DeregisterTargets(ctx, &elbv2.DeregisterTargetsInput{TargetGroupArn: &group, Targets: targets})
		return err
	})
}

// call registers or deregisters at most targetsPerCall targets of one group.
type call func(ctx context.Context, group string, targets []types.TargetDescription) error

// part holds the targets of one call, all in one group.
type part struct {
	group   group
	targets []rollout.Target
}

// change splits targets into parts and makes a call for each.
func (g *Groups) change(ctx context.Context, verb, preposition string, targets []rollout.Target, do call) error {
	parts, err := g.split(targets)
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, instances(targets), err)
	}
	faults := make([]error, len(parts))
	var calls errgroup.Group
	calls.SetLimit(groupsAtOnce)
	for i, p := range parts {
		calls.Go(func() error {
			if err := g.batcher(verb, p.group, do).do(ctx, p.targets); err != nil {
				faults[i] = fmt.Errorf("%s %s %s target group %s: %w", verb, instances(p.targets), preposition, p.group.name, explain(p.group, err))
			}
			return nil
		})
	}
	_ = calls.Wait() // each part's error is in faults
	return oneline.Error(errors.Join(faults...))
}

// batcher returns the batcher that all calls of one kind to one group share.
func (g *Groups) batcher(verb string, in group, do call) *batcher {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := verb + " " + in.arn
	if g.batchers[key] == nil {
		g.batchers[key] = &batcher{call: func(ctx context.Context, targets []rollout.Target) error {
			return do(ctx, in.arn, descriptions(targets))
		}}
	}
	return g.batchers[key]
}

// split sorts targets into parts of one group and at most targetsPerCall each.
func (g *Groups) split(targets []rollout.Target) ([]part, error) {
	order, byGroup, err := g.sorted(targets)
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, in := range order {
		for chunk := range slices.Chunk(byGroup[in], targetsPerCall) {
			parts = append(parts, part{group: in, targets: chunk})
		}
	}
	return parts, nil
}

// sorted groups the targets, without duplicates; order holds the groups in the order in which they came. A target that
// is not valid is refused before the first call.
func (g *Groups) sorted(targets []rollout.Target) (order []group, byGroup map[group][]rollout.Target, err error) {
	byGroup = map[group][]rollout.Target{}
	for _, t := range targets {
		in, err := g.group(t.Group)
		switch {
		case err != nil:
			return nil, nil, err
		case t.Instance == "":
			return nil, nil, fmt.Errorf("a target of group %s names no instance", in.name)
		case t.Port < 1 || t.Port > 65535:
			return nil, nil, fmt.Errorf("target %s of group %s has port %d: want 1 to 65535", t.Instance, in.name, t.Port)
		}
		if _, known := byGroup[in]; !known {
			order = append(order, in)
		}
		if !slices.Contains(byGroup[in], t) {
			byGroup[in] = append(byGroup[in], t)
		}
	}
	return order, byGroup, nil
}

func descriptions(targets []rollout.Target) []types.TargetDescription {
	described := make([]types.TargetDescription, len(targets))
	for i, t := range targets {
		described[i] = types.TargetDescription{Id: aws.String(t.Instance), Port: aws.Int32(int32(t.Port))}
	}
	return described
}

// instances returns the IDs of the first three instances of the targets, for an error.
func instances(targets []rollout.Target) string {
	var ids []string
	for _, t := range targets {
		if !slices.Contains(ids, t.Instance) {
			ids = append(ids, t.Instance)
		}
	}
	if len(ids) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:3], ", "), len(ids)-3)
	}
	return strings.Join(ids, ", ")
}
