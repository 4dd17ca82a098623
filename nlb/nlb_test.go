package nlb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

func target(group, instance string, port int) rollout.Target {
	return rollout.Target{Group: group, Instance: instance, Port: port}
}

func TestRegisterAndDeregisterEveryRegistration(t *testing.T) {
	f, cfg := newFake(t)
	g := open(t, cfg, groupA, groupB)
	three := []rollout.Target{target(groupA, "i-1", 8080), target(groupB, "i-1", 8080), target(groupA, "i-1", 8081)}

	require.NoError(t, g.Register(t.Context(), three))
	assert.Equal(t, []rollout.Target{three[0], three[2]}, f.registered(groupA))
	assert.Equal(t, []rollout.Target{three[1]}, f.registered(groupB))

	require.NoError(t, g.Deregister(t.Context(), three[2:]))
	assert.Equal(t, []rollout.Target{three[0]}, f.registered(groupA), "only the named port leaves")

	require.NoError(t, g.Deregister(t.Context(), three))
	require.NoError(t, g.Deregister(t.Context(), three), "taking out an absent target succeeds")
	assert.Empty(t, f.registered(groupA))
	assert.Empty(t, f.registered(groupB))
}

func TestChangeSplitsCallsAtTwoHundredTargets(t *testing.T) {
	f, cfg := newFake(t)
	g := open(t, cfg, groupA)
	var many []rollout.Target
	for i := range 450 {
		many = append(many, target(groupA, fmt.Sprintf("i-%03d", i), 8080))
	}
	require.NoError(t, g.Register(t.Context(), append(many, many[0])), "a target named twice counts once")
	assert.ElementsMatch(t, []int{200, 200, 50}, f.called("RegisterTargets"))
	assert.Len(t, f.registered(groupA), 450)
}

func TestNothingToChangeMakesNoCall(t *testing.T) {
	f, cfg := newFake(t)
	require.NoError(t, open(t, cfg, groupA).Register(t.Context(), nil))
	assert.Empty(t, f.called("RegisterTargets"))
}

func TestChangeTriesEveryGroup(t *testing.T) {
	f, cfg := newFake(t)
	f.set(func() { delete(f.groups, groupA) })
	g := open(t, cfg, groupA, groupB)
	both := []rollout.Target{target(groupA, "i-1", 8080), target(groupB, "i-1", 8080)}

	err := g.Register(t.Context(), both)
	require.ErrorContains(t, err, "register i-1 in target group growl-a: there is no target group "+groupA+" in us-west-1")
	var missing *types.TargetGroupNotFoundException
	assert.ErrorAs(t, err, &missing)
	assert.Equal(t, both[1:], f.registered(groupB), "the other group has it all the same")
}

func TestFaultsOfSeveralGroupsAreOneLine(t *testing.T) {
	f, cfg := newFake(t)
	f.set(func() { clear(f.groups) })
	err := open(t, cfg, groupA, groupB).Deregister(t.Context(), []rollout.Target{target(groupA, "i-1", 8080), target(groupB, "i-1", 8080)})
	require.ErrorContains(t, err, "target group growl-a")
	require.ErrorContains(t, err, "; deregister i-1 from target group growl-b")
	assert.NotContains(t, err.Error(), "\n")
	var missing *types.TargetGroupNotFoundException
	assert.ErrorAs(t, err, &missing)
}

func TestChangeRefusesWhatCannotBeMeant(t *testing.T) {
	f, cfg := newFake(t)
	g := open(t, cfg, groupA)
	for name, bad := range map[string]rollout.Target{
		"has port 0":       target(groupA, "i-1", 0),
		"has port 65536":   target(groupA, "i-1", 65536),
		"names no inst":    target(groupA, "", 8080),
		"parse target gro": target("growl-a", "i-1", 8080),
		"is in us-west-2":  target("arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/growl-a/6d0ecf831eec9f09", "i-1", 8080),
	} {
		require.ErrorContains(t, g.Register(t.Context(), []rollout.Target{target(groupA, "i-0", 8080), bad}), name)
	}
	assert.Empty(t, f.calls, "nothing is sent when one target is wrong")
}

func TestHealthOfAllGroups(t *testing.T) {
	f, cfg := newFake(t)
	f.groups[groupA][target(groupA, "i-1", 8080)] = "healthy"
	f.groups[groupA][target(groupA, "i-2", 8080)] = "unhealthy Target.FailedHealthChecks"
	f.groups[groupB][target(groupB, "i-1", 8081)] = "draining Target.DeregistrationInProgress"

	health, err := open(t, cfg, groupA, groupB, groupA).Health(t.Context())
	require.NoError(t, err)
	assert.Len(t, health, 3)
	assert.Equal(t, rollout.TargetHealthy, health.State(target(groupA, "i-1", 8080)).State)
	assert.Equal(t, "unhealthy (Target.FailedHealthChecks)", health.State(target(groupA, "i-2", 8080)).String())
	assert.Equal(t, "draining (Target.DeregistrationInProgress)", health.State(target(groupB, "i-1", 8081)).String())
	assert.Len(t, f.called("DescribeTargetHealth"), 2, "one call per group")
}

func TestHealthNamesTargetsUnderZonalShift(t *testing.T) {
	f, cfg := newFake(t)
	f.overrides = map[string]string{"i-1": "zonal_shift_active", "i-2": "no_override", "i-3": "zonal_shift_delegated_to_dns", "i-4": "unknown"}
	for i := range 5 {
		f.groups[groupA][target(groupA, fmt.Sprintf("i-%d", i), 8080)] = "healthy"
	}
	health, err := open(t, cfg, groupA).Health(t.Context())
	require.NoError(t, err)
	for i, shifted := range []bool{false, true, false, true, false} {
		assert.Equal(t, shifted, health.State(target(groupA, fmt.Sprintf("i-%d", i), 8080)).Shifted, "i-%d", i)
	}
}

func TestHealthOfAFewTargets(t *testing.T) {
	f, cfg := newFake(t)
	var many []rollout.Target
	for i := range targetsPerCall + 1 {
		many = append(many, target(groupA, fmt.Sprintf("i-%d", i), 8080))
		f.groups[groupA][many[i]] = "healthy"
	}
	f.groups[groupB][target(groupB, "i-1", 8081)] = "healthy"
	g := open(t, cfg, groupA, groupB)

	health, err := g.Health(t.Context(), many[1], many[1], target(groupA, "i-none", 8080))
	require.NoError(t, err)
	assert.Equal(t, rollout.Health{{Target: many[1], State: rollout.TargetHealthy}}, health, "one that is not registered is left out, as ever")
	assert.Equal(t, []int{2}, f.called("DescribeTargetHealth"), "no call for the other group")

	f.set(func() { f.calls, f.gone = nil, "i-2" })
	health, err = g.Health(t.Context(), many[1], many[2])
	require.NoError(t, err)
	assert.Len(t, health, len(many), "a refused target does not delay the others")
	assert.Equal(t, []int{2, 0}, slices.Compact(f.called("DescribeTargetHealth")), "the SDK may read a long response twice")

	f.set(func() { f.calls, f.gone = nil, "" })
	health, err = g.Health(t.Context(), many...)
	require.NoError(t, err)
	assert.Len(t, health, len(many))
	assert.Equal(t, []int{0}, slices.Compact(f.called("DescribeTargetHealth")), "more than a call should carry")

	_, err = g.Health(t.Context(), target(groupA, "", 8080))
	require.ErrorContains(t, err, "names no instance")
}

func TestHealthIsWholeOrAnError(t *testing.T) {
	f, cfg := newFake(t)
	f.groups[groupA][target(groupA, "i-1", 8080)] = "healthy"
	f.set(func() { delete(f.groups, groupB) })
	health, err := open(t, cfg, groupA, groupB).Health(t.Context())
	require.ErrorContains(t, err, "describe target health of target group growl-b: there is no target group "+groupB+" in us-west-1")
	assert.Nil(t, health)
}

func TestThrottledCallsAreTriedTenTimes(t *testing.T) {
	f, cfg := newFake(t)
	g := open(t, cfg, groupA)
	f.set(func() { f.throttle = 9 })
	require.NoError(t, g.Register(t.Context(), []rollout.Target{target(groupA, "i-1", 8080)}))
	assert.Len(t, f.called("RegisterTargets"), 10)

	f.set(func() { f.throttle = 1000; f.calls = nil })
	err := g.Deregister(t.Context(), []rollout.Target{target(groupA, "i-1", 8080)})
	require.ErrorContains(t, err, "deregister i-1 from target group growl-a: ")
	require.ErrorContains(t, err, "Throttling")
	assert.Len(t, f.called("DeregisterTargets"), 10)
}

// A quota shared by all calls would end the retries of the call that puts an instance back if earlier reads were
// throttled.
func TestThrottledReadsDoNotSpendTheRetriesOfAChange(t *testing.T) {
	f, cfg := newFake(t)
	g := open(t, cfg, groupA)
	f.set(func() { f.throttle = 200 })
	for range 20 {
		_, err := g.Health(t.Context())
		require.Error(t, err)
	}
	f.set(func() { f.throttle = 9 })
	require.NoError(t, g.Register(t.Context(), []rollout.Target{target(groupA, "i-1", 8080)}))
}

func TestACallWithoutAResponseIsMadeAgain(t *testing.T) {
	f, cfg := newFake(t)
	f.set(func() { f.lose = 1 })
	require.NoError(t, open(t, cfg, groupA).Register(t.Context(), []rollout.Target{target(groupA, "i-1", 8080)}))
	assert.Len(t, f.called("RegisterTargets"), 2)
	assert.Len(t, f.registered(groupA), 1)
}

func TestACallThatIsNeverAnsweredIsMadeAgain(t *testing.T) {
	f, cfg := newFake(t)
	loaded, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(cfg.Region), config.WithCredentialsProvider(cfg.Credentials))
	require.NoError(t, err)
	loaded.BaseEndpoint = cfg.BaseEndpoint
	g, err := NewFromConfig(loaded, []string{groupA}, Options{MaxBackoff: time.Millisecond, AttemptTimeout: time.Second})
	require.NoError(t, err)
	f.set(func() { f.swallow = 2 })
	require.NoError(t, g.Register(t.Context(), []rollout.Target{target(groupA, "i-1", 8080)}))
	assert.GreaterOrEqual(t, len(f.called("RegisterTargets")), 3)
}

func TestCancelledCallsEnd(t *testing.T) {
	f, cfg := newFake(t)
	f.set(func() { f.throttle = 1000 })
	g, err := NewFromConfig(cfg, []string{groupA}, Options{MaxBackoff: time.Hour})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = g.Health(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestRefusedCredentialsNameTheRemedy(t *testing.T) {
	for _, code := range []string{"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"} {
		f, cfg := newFake(t)
		f.set(func() { f.refuse = code })
		_, err := open(t, cfg, groupA).Timing(t.Context())
		require.ErrorContains(t, err, "aws sso login", code)
		assert.NotContains(t, err.Error(), "secret-key-of-the-test")
		assert.Len(t, f.called("DescribeTargetGroups"), 1, "trying again would not help")
	}
}

func TestAnExpiredSessionNamesTheRemedy(t *testing.T) {
	_, cfg := newFake(t)
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, &ssocreds.InvalidTokenError{Err: errors.New("token has expired")}
	})
	_, err := open(t, cfg, groupA).Health(t.Context())
	require.ErrorContains(t, err, "aws sso login")
}

func TestMissingCredentialsNameTheRemedy(t *testing.T) {
	for _, variable := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(variable, "")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-west-1"))
	require.NoError(t, err)
	_, err = open(t, cfg, groupA).Timing(t.Context())
	require.ErrorContains(t, err, "read timing of target group growl-a: there are no AWS credentials: run `aws sso login`, or set AWS_PROFILE: ")
}

func TestAMissingPermissionIsNotTakenForExpired(t *testing.T) {
	f, cfg := newFake(t)
	f.set(func() { f.refuse = "AccessDenied" })
	_, err := open(t, cfg, groupA).Health(t.Context())
	require.ErrorContains(t, err, "AccessDenied")
	assert.NotContains(t, err.Error(), "aws sso login")
}

func TestInvalidTargetNamesTheInstance(t *testing.T) {
	f, cfg := newFake(t)
	f.set(func() { f.refuse = "InvalidTarget" })
	err := open(t, cfg, groupA).Register(t.Context(), []rollout.Target{target(groupA, "i-gone", 8080)})
	require.ErrorContains(t, err, "register i-gone in target group growl-a: the instance does not run in the target group's VPC")
}

func TestTiming(t *testing.T) {
	tests := map[string]struct {
		group, balancer map[string]string
		want            rollout.Timing
		lookups         int
	}{
		"says nothing": {
			want: rollout.Timing{Delay: 300 * time.Second}, lookups: 1,
		},
		"follows a load balancer that crosses": {
			group:    map[string]string{attributeDelay: "120", attributeTerminates: "true", attributeCrossZone: asLoadBalancer},
			balancer: map[string]string{"deletion_protection.enabled": "true", attributeCrossZone: "true"},
			want:     rollout.Timing{Delay: 120 * time.Second, Terminates: true, CrossZone: true}, lookups: 1,
		},
		"is off though the load balancer crosses": {
			group:    map[string]string{attributeDelay: "0", attributeCrossZone: "false"},
			balancer: map[string]string{attributeCrossZone: "true"},
			want:     rollout.Timing{},
		},
		"is on": {
			group: map[string]string{attributeCrossZone: "true"},
			want:  rollout.Timing{Delay: 300 * time.Second, CrossZone: true},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, cfg := newFake(t)
			f.attrs[groupA], f.attrs[balA] = test.group, test.balancer
			test.want.Group, test.want.Port = groupA, 8080
			test.want.Interval, test.want.Timeout = 10*time.Second, 6*time.Second
			test.want.HealthyThreshold, test.want.UnhealthyThreshold = 3, 2

			timings, err := open(t, cfg, groupA).Timing(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []rollout.Timing{test.want}, timings)
			assert.Len(t, f.called("DescribeLoadBalancerAttributes"), test.lookups)
		})
	}
}

func TestTimingRefusesADelayThatIsNoNumber(t *testing.T) {
	f, cfg := newFake(t)
	f.attrs[groupA][attributeDelay] = "soon"
	_, err := open(t, cfg, groupA).Timing(t.Context())
	require.ErrorContains(t, err, `read timing of target group growl-a: attribute deregistration_delay.timeout_seconds="soon"`)
}

// A group of addresses does not list instances, so every instance would seem to be out of service.
func TestTimingRefusesAGroupOfAddresses(t *testing.T) {
	f, cfg := newFake(t)
	f.targets = "ip"
	_, err := open(t, cfg, groupA).Timing(t.Context())
	require.EqualError(t, err, "read timing of target group growl-a: its targets are of type ip: a rollout registers instances, so it needs a group of type instance")
}

// The engine drains connections of a Network Load Balancer to TCP ports. Another kind of load balancer drains requests,
// and a UDP flow has no end to wait for.
func TestTimingRefusesAnotherLoadBalancersGroup(t *testing.T) {
	for protocol, kind := range map[string]string{
		"HTTP": "an Application Load Balancer's", "HTTPS": "an Application Load Balancer's",
		"GENEVE": "a Gateway Load Balancer's", "UDP": "not TCP alone", "TCP_UDP": "not TCP alone", "QUIC": "not TCP alone",
	} {
		f, cfg := newFake(t)
		f.protocol = protocol
		_, err := open(t, cfg, groupA).Timing(t.Context())
		require.EqualError(t, err, "read timing of target group growl-a: its protocol is "+protocol+", which is "+kind+
			": a rollout drains connections of a Network Load Balancer, so it needs a group of protocol TCP or TLS")
	}
	f, cfg := newFake(t)
	f.protocol = "TLS"
	_, err := open(t, cfg, groupA).Timing(t.Context())
	require.NoError(t, err)

	f.targets = "lambda"
	_, err = open(t, cfg, groupA).Timing(t.Context())
	require.ErrorContains(t, err, "its targets are of type lambda")
}

func TestNewRefusesBadGroups(t *testing.T) {
	tests := map[string][]string{
		"none named": nil,
		"want arn:aws:elasticloadbalancing:REGION":      {""},
		"parse target group ARN \"growl-a\"":            {"growl-a"},
		"targetgroup/NAME/ID":                           {"arn:aws:elasticloadbalancing:us-west-1:123456789012:loadbalancer/net/x/1"},
		"parse target group ARN \"arn:aws:ec2":          {"arn:aws:ec2:us-west-1:123456789012:targetgroup/x/1"},
		"is in us-west-2, not in us-west-1: name a gro": {"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/x/1"},
	}
	for want, groups := range tests {
		_, err := NewFromConfig(aws.Config{}, groups, Options{Region: "us-west-1"})
		assert.ErrorContains(t, err, want)
	}
}

func TestNewFromConfigNeedsARegion(t *testing.T) {
	_, err := NewFromConfig(aws.Config{}, []string{groupA}, Options{})
	require.ErrorContains(t, err, "set AWS_REGION")
	_, err = NewFromConfig(aws.Config{Region: "eu-west-1"}, []string{groupA}, Options{Region: "us-west-1"})
	require.NoError(t, err)
}

func FuzzParseGroup(f *testing.F) {
	for _, seed := range []string{groupA, "", "arn:aws:elasticloadbalancing:::targetgroup//", "arn:aws:elasticloadbalancing:r:1:targetgroup/a/b\n", "a:b:c:d:e:f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseGroup(text)
		if err != nil {
			assert.NotContains(t, err.Error(), "\n", "errors are one line")
			return
		}
		assert.Equal(t, text, parsed.arn)
		assert.NotEmpty(t, parsed.name)
		assert.NotEmpty(t, parsed.region)
		assert.False(t, slices.ContainsFunc([]byte(text), func(b byte) bool { return b <= ' ' || b > '~' }))
	})
}
