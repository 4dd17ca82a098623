package nlb

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/rollout"
)

// Attributes of a target group or load balancer that configure draining and routing, as documented for
// DescribeTargetGroupAttributes.
const (
	attributeDelay      = "deregistration_delay.timeout_seconds"
	attributeTerminates = "deregistration_delay.connection_termination.enabled"
	attributeCrossZone  = "load_balancing.cross_zone.enabled"

	// asLoadBalancer is the value of attributeCrossZone in a group that uses the setting of its load balancer.
	asLoadBalancer = "use_load_balancer_configuration"
)

// defaultDelay is the deregistration delay of a group without that attribute.
const defaultDelay = 300 * time.Second

// Timing reads from AWS how each group checks, drains and routes, in the order in which the groups were named. It
// returns an error for a group that is not of protocol TCP or TLS, or whose targets are not instances. A run and its
// plan call it before they change anything.
func (g *Groups) Timing(ctx context.Context) ([]rollout.Timing, error) {
	timings := make([]rollout.Timing, len(g.groups))
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(groupsAtOnce)
	for i, in := range g.groups {
		calls.Go(func() (err error) {
			if timings[i], err = g.timing(ctx, in); err != nil {
				return fmt.Errorf("read timing of target group %s: %w", in.name, explain(in, err))
			}
			return nil
		})
	}
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	return timings, nil
}

// timing reads one group. It describes the groups one by one, because the error for a list does not name the missing
// one.
func (g *Groups) timing(ctx context.Context, in group) (rollout.Timing, error) {
	described, err := g.api.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{in.arn}})
	if err != nil {
		return rollout.Timing{}, err
	}
	if len(described.TargetGroups) != 1 {
		return rollout.Timing{}, fmt.Errorf("DescribeTargetGroups returned %d groups for one ARN", len(described.TargetGroups))
	}
	live := described.TargetGroups[0]
	if err := supported(live); err != nil {
		return rollout.Timing{}, err
	}
	attributes, err := g.attributes(ctx, in)
	if err != nil {
		return rollout.Timing{}, err
	}
	timing := checks(in, live)
	if err := drains(&timing, attributes); err != nil {
		return rollout.Timing{}, err
	}
	timing.CrossZone, err = g.crossZone(ctx, attributes[attributeCrossZone], live.LoadBalancerArns)
	return timing, err
}

// supported returns an error for a group that a rollout cannot move instances in: a group of another kind of load
// balancer, because that drains requests in its own way; a group with UDP, because a flow has no end to wait for; and a
// group whose targets are not instances. A group of Lambda functions has no protocol.
func supported(live types.TargetGroup) error {
	kind := ""
	switch live.Protocol {
	case types.ProtocolEnumTcp, types.ProtocolEnumTls, "":
	case types.ProtocolEnumHttp, types.ProtocolEnumHttps:
		kind = "an Application Load Balancer's"
	case types.ProtocolEnumGeneve:
		kind = "a Gateway Load Balancer's"
	default:
		kind = "not TCP alone"
	}
	switch {
	case kind != "":
		return fmt.Errorf("its protocol is %s, which is %s: a rollout drains connections of a Network Load Balancer, so it needs a group of protocol TCP or TLS", live.Protocol, kind)
	case live.TargetType != types.TargetTypeEnumInstance:
		return fmt.Errorf("its targets are of type %s: a rollout registers instances, so it needs a group of type instance", live.TargetType)
	}
	return nil
}

// checks returns the settings of a group's health checks.
func checks(in group, live types.TargetGroup) rollout.Timing {
	return rollout.Timing{
		Group:              in.arn,
		Port:               int(aws.ToInt32(live.Port)),
		Interval:           seconds(live.HealthCheckIntervalSeconds),
		Timeout:            seconds(live.HealthCheckTimeoutSeconds),
		HealthyThreshold:   int(aws.ToInt32(live.HealthyThresholdCount)),
		UnhealthyThreshold: int(aws.ToInt32(live.UnhealthyThresholdCount)),
	}
}

// drains adds the settings of a group's deregistration.
func drains(timing *rollout.Timing, attributes map[string]string) error {
	timing.Delay = defaultDelay
	if text, ok := attributes[attributeDelay]; ok {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return fmt.Errorf("attribute %s=%q is not a number of seconds: %w", attributeDelay, text, err)
		}
		timing.Delay = time.Duration(n) * time.Second
	}
	timing.Terminates = attributes[attributeTerminates] == "true"
	return nil
}

// crossZone resolves the three values of the attribute. A group that uses the setting of its load balancers counts as
// cross-zone only if all of them are, because the engine protects single zones if the result is false, which is the
// safe side.
func (g *Groups) crossZone(ctx context.Context, value string, loadBalancers []string) (bool, error) {
	if value != "" && value != asLoadBalancer {
		return value == "true", nil
	}
	for _, lb := range loadBalancers {
		out, err := g.api.DescribeLoadBalancerAttributes(ctx, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &lb})
		if err != nil {
			return false, fmt.Errorf("describe attributes of load balancer %s: %w", lb, err)
		}
		if !enabled(out.Attributes) {
			return false, nil
		}
	}
	return len(loadBalancers) > 0, nil
}

// enabled reports whether a load balancer's traffic crosses zones. Off is the default of a Network Load Balancer.
func enabled(attributes []types.LoadBalancerAttribute) bool {
	for _, a := range attributes {
		if aws.ToString(a.Key) == attributeCrossZone {
			return aws.ToString(a.Value) == "true"
		}
	}
	return false
}

func (g *Groups) attributes(ctx context.Context, in group) (map[string]string, error) {
	out, err := g.api.DescribeTargetGroupAttributes(ctx, &elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: &in.arn})
	if err != nil {
		return nil, err
	}
	attributes := make(map[string]string, len(out.Attributes))
	for _, a := range out.Attributes {
		attributes[aws.ToString(a.Key)] = aws.ToString(a.Value)
	}
	return attributes, nil
}

func seconds(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Second }
