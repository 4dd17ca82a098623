package awsapi_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/balancer"
)

func TestCallerIdentity(t *testing.T) {
	c := newCloud(t)
	who, err := c.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	assert.Equal(t, "123456789012", *who.Account)
	assert.Equal(t, "arn:aws:iam::123456789012:user/sandbox", *who.Arn)
	assert.NotEmpty(t, *who.UserId)
}

func targets(id string, port int32) []types.TargetDescription {
	if port == 0 {
		return []types.TargetDescription{{Id: &id}}
	}
	return []types.TargetDescription{{Id: &id, Port: &port}}
}

func TestTargetsComeAndGo(t *testing.T) {
	c := newCloud(t)
	arn := &c.group.ARN
	health := func(of ...types.TargetDescription) []types.TargetHealthDescription {
		out, err := c.elb.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: arn, Targets: of})
		require.NoError(t, err)
		return out.TargetHealthDescriptions
	}
	assert.Empty(t, health())
	require.NoError(t, c.balancer.RegisterInService(*arn, balancer.Endpoint{Instance: "i-2"}))
	_, err := c.elb.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: arn, Targets: targets("i-1", 8081)})
	require.NoError(t, err)

	all := health()
	require.Len(t, all, 2)
	assert.Equal(t, "i-2", *all[0].Target.Id)
	assert.Equal(t, int32(8080), *all[0].Target.Port)
	assert.Equal(t, types.TargetHealthStateEnumHealthy, all[0].TargetHealth.State)
	assert.Empty(t, all[0].TargetHealth.Reason)
	assert.Nil(t, all[0].TargetHealth.Description)
	assert.Equal(t, "8081", *all[1].HealthCheckPort)
	assert.Equal(t, types.TargetHealthStateEnumInitial, all[1].TargetHealth.State)
	assert.Equal(t, types.TargetHealthReasonEnumRegistrationInProgress, all[1].TargetHealth.Reason)
	assert.NotEmpty(t, *all[1].TargetHealth.Description)

	_, err = c.elb.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: arn, Targets: targets("i-2", 0)})
	require.NoError(t, err)
	one := health(targets("i-2", 0)...)
	require.Len(t, one, 1)
	assert.Equal(t, types.TargetHealthStateEnumDraining, one[0].TargetHealth.State)
	assert.Equal(t, types.TargetHealthReasonEnumDeregistrationInProgress, one[0].TargetHealth.Reason)
	absent := health(targets("i-none", 1)...)
	assert.Equal(t, types.TargetHealthStateEnumUnused, absent[0].TargetHealth.State)
	assert.Equal(t, types.TargetHealthReasonEnumNotRegistered, absent[0].TargetHealth.Reason)
	_, err = c.elb.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: arn, Targets: targets("i-none", 1)})
	require.NoError(t, err, "an absent one is a success")
}

func TestELBErrorsAreTyped(t *testing.T) {
	c := newCloud(t)
	none := aws.String(c.group.ARN + "0")
	var noGroup *types.TargetGroupNotFoundException
	var badTarget *types.InvalidTargetException
	var badConfiguration *types.InvalidConfigurationRequestException
	var noBalancer *types.LoadBalancerNotFoundException
	var noListener *types.ListenerNotFoundException

	_, err := c.elb.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: none})
	require.ErrorAs(t, err, &noGroup)
	assert.Contains(t, noGroup.ErrorMessage(), *none)
	_, err = c.elb.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{Names: []string{"web", "none"}})
	require.ErrorAs(t, err, &noGroup)
	_, err = c.elb.DescribeTargetGroupAttributes(t.Context(), &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: none})
	require.ErrorAs(t, err, &noGroup)
	_, err = c.elb.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: none, Targets: targets("i-1", 0)})
	require.ErrorAs(t, err, &noGroup)
	_, err = c.elb.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &c.group.ARN, Targets: targets("i-none", 0)})
	require.ErrorAs(t, err, &badTarget)
	assert.Contains(t, badTarget.ErrorMessage(), "i-none")
	_, err = c.elb.ModifyTargetGroupAttributes(t.Context(), &elb.ModifyTargetGroupAttributesInput{
		TargetGroupArn: &c.group.ARN, Attributes: []types.TargetGroupAttribute{{Key: aws.String("no.such"), Value: aws.String("1")}},
	})
	require.ErrorAs(t, err, &badConfiguration)
	_, err = c.elb.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{Names: []string{"none"}})
	require.ErrorAs(t, err, &noBalancer)
	_, err = c.elb.DescribeListeners(t.Context(), &elb.DescribeListenersInput{ListenerArns: []string{"none"}})
	require.ErrorAs(t, err, &noListener)
	_, err = c.elb.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &c.group.ARN, Targets: targets("i-1", 70000)})
	assert.Equal(t, "ValidationError", code(t, err))
	_, err = c.elb.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &c.group.ARN, Targets: []types.TargetDescription{}})
	assert.Equal(t, "ValidationError", code(t, err))
	_, err = c.elb.DescribeRules(t.Context(), &elb.DescribeRulesInput{})
	assert.Equal(t, "InvalidAction", code(t, err))
	assert.ErrorContains(t, err, "DescribeRules")
}

func code(t *testing.T, err error) string {
	t.Helper()
	answered, ok := errors.AsType[smithy.APIError](err)
	require.True(t, ok, "%v", err)
	return answered.ErrorCode()
}

func TestDescriptions(t *testing.T) {
	c := newCloud(t)
	lb := c.balancer.Describe()
	groups, err := c.elb.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{LoadBalancerArn: &lb.ARN, TargetGroupArns: []string{c.group.ARN}})
	require.NoError(t, err)
	require.Len(t, groups.TargetGroups, 1)
	g := groups.TargetGroups[0]
	assert.Equal(t, "web", *g.TargetGroupName)
	assert.Equal(t, int32(8080), *g.Port)
	assert.Equal(t, types.ProtocolEnumTcp, g.Protocol)
	assert.Equal(t, types.TargetTypeEnumInstance, g.TargetType)
	assert.Equal(t, int32(5), *g.HealthCheckIntervalSeconds, "10 s, twice as fast")
	assert.Equal(t, int32(3), *g.HealthCheckTimeoutSeconds)
	assert.Equal(t, int32(2), *g.HealthyThresholdCount)
	assert.Equal(t, int32(2), *g.UnhealthyThresholdCount)
	assert.Equal(t, "/healthz", *g.HealthCheckPath)
	assert.Equal(t, "200-399", *g.Matcher.HttpCode)
	assert.Equal(t, []string{lb.ARN}, g.LoadBalancerArns)

	balancers, err := c.elb.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{lb.ARN}})
	require.NoError(t, err)
	require.Len(t, balancers.LoadBalancers, 1)
	b := balancers.LoadBalancers[0]
	assert.Equal(t, types.LoadBalancerTypeEnumNetwork, b.Type)
	assert.Equal(t, types.LoadBalancerStateEnumActive, b.State.Code)
	assert.Equal(t, "us-west-1a", *b.AvailabilityZones[0].ZoneName)
	attributes, err := c.elb.DescribeLoadBalancerAttributes(t.Context(), &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &lb.ARN})
	require.NoError(t, err)
	assert.Contains(t, attributes.Attributes, types.LoadBalancerAttribute{Key: aws.String("load_balancing.cross_zone.enabled"), Value: aws.String("true")})

	listeners, err := c.elb.DescribeListeners(t.Context(), &elb.DescribeListenersInput{LoadBalancerArn: &lb.ARN})
	require.NoError(t, err)
	require.Len(t, listeners.Listeners, 1)
	assert.Equal(t, c.group.ListenerPort, int(*listeners.Listeners[0].Port))
	assert.Equal(t, c.group.ARN, *listeners.Listeners[0].DefaultActions[0].TargetGroupArn)

	tags, err := c.elb.DescribeTags(t.Context(), &elb.DescribeTagsInput{ResourceArns: []string{c.group.ARN}})
	require.NoError(t, err)
	require.Len(t, tags.TagDescriptions, 1)
	assert.Equal(t, c.group.ARN, *tags.TagDescriptions[0].ResourceArn)
	assert.Empty(t, tags.TagDescriptions[0].Tags)
}

func TestAttributesAreReallyChanged(t *testing.T) {
	c := newCloud(t)
	delay := types.TargetGroupAttribute{Key: aws.String(balancer.AttrDelay), Value: aws.String("60")}
	out, err := c.elb.ModifyTargetGroupAttributes(t.Context(), &elb.ModifyTargetGroupAttributesInput{
		TargetGroupArn: &c.group.ARN, Attributes: []types.TargetGroupAttribute{delay},
	})
	require.NoError(t, err)
	assert.Contains(t, out.Attributes, delay)
	described, err := c.elb.DescribeTargetGroupAttributes(t.Context(), &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: &c.group.ARN})
	require.NoError(t, err)
	assert.Equal(t, out.Attributes, described.Attributes)
	attributes, err := c.balancer.Attributes(c.group.ARN)
	require.NoError(t, err)
	assert.Equal(t, "60", attributes[balancer.AttrDelay])
}
