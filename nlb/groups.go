package nlb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/growl-dev/deploy/rollout"
)

// api is the part of elasticloadbalancingv2.Client that is called.
type api interface {
	RegisterTargets(context.Context, *elbv2.RegisterTargetsInput, ...func(*elbv2.Options)) (*elbv2.RegisterTargetsOutput, error)
	DeregisterTargets(context.Context, *elbv2.DeregisterTargetsInput, ...func(*elbv2.Options)) (*elbv2.DeregisterTargetsOutput, error)
	DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput, ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error)
	DescribeTargetGroups(context.Context, *elbv2.DescribeTargetGroupsInput, ...func(*elbv2.Options)) (*elbv2.DescribeTargetGroupsOutput, error)
	DescribeTargetGroupAttributes(context.Context, *elbv2.DescribeTargetGroupAttributesInput, ...func(*elbv2.Options)) (*elbv2.DescribeTargetGroupAttributesOutput, error)
	DescribeLoadBalancerAttributes(context.Context, *elbv2.DescribeLoadBalancerAttributesInput, ...func(*elbv2.Options)) (*elbv2.DescribeLoadBalancerAttributesOutput, error)
}

var (
	_ api              = (*elbv2.Client)(nil)
	_ rollout.Balancer = (*Groups)(nil)
)

// Options changes how the load balancer is spoken to. The zero value is ready.
type Options struct {
	// Region is the region the API answers for; target groups of another one
	// are refused. Empty: the region of the aws.Config.
	Region string
	// Attempts is how often one call is tried while it is throttled or fails on
	// the way; 0 means 10. An explicit AWS_MAX_ATTEMPTS wins.
	Attempts int
	// AttemptTimeout is how long one attempt may take before it is given up and made
	// again; 0 means 15 s. An aws.Config with an HTTP client that is not the SDK's
	// keeps that client's own.
	AttemptTimeout time.Duration
	// MaxBackoff bounds the wait between two attempts, which grows from up to
	// 1 s and is jittered; 0 means 5 s.
	MaxBackoff time.Duration
}

// The defaults of [Options]: ten attempts wait for 37 s at most, which fits into
// the minute that a mutating call of the engine has. The SDK's own bound of 20 s
// would not, and ELBv2's budget refills by ten calls each second. An attempt that gets
// no answer leaves time for more: a whole batch may be waiting for it.
const (
	defaultAttempts       = 10
	defaultMaxBackoff     = 5 * time.Second
	defaultAttemptTimeout = 15 * time.Second
)

// Groups is a fixed set of target groups. Its methods may be called concurrently.
type Groups struct {
	api    api
	region string
	groups []group

	mu     sync.Mutex
	joints map[string]*joint // by what they do and where
}

// NewFromConfig returns the target groups with these ARNs, spoken to with cfg's
// region, credentials and endpoint. It makes no call. A malformed ARN, one of another
// region and an empty list are refused; an ARN named twice counts once.
func NewFromConfig(cfg aws.Config, groups []string, o Options) (*Groups, error) {
	if len(groups) == 0 {
		return nil, errors.New("open target groups: none named: want at least one target group ARN")
	}
	cfg.Region = cmp.Or(o.Region, cfg.Region)
	if cfg.Region == "" {
		return nil, errors.New("open target groups: no AWS region: set AWS_REGION or name it in the profile")
	}
	client := elbv2.NewFromConfig(cfg, func(e *elbv2.Options) {
		e.Retryer = o.retryer()
		if own, ok := e.HTTPClient.(*awshttp.BuildableClient); ok {
			e.HTTPClient = own.WithTimeout(cmp.Or(o.AttemptTimeout, defaultAttemptTimeout))
		}
	})
	g := &Groups{api: client, region: cfg.Region, joints: map[string]*joint{}}
	for _, text := range groups {
		parsed, err := g.group(text)
		if err != nil {
			return nil, fmt.Errorf("open target groups: %w", err)
		}
		if !slices.Contains(g.groups, parsed) {
			g.groups = append(g.groups, parsed)
		}
	}
	return g, nil
}

// group parses an ARN and checks its region.
func (g *Groups) group(text string) (group, error) {
	parsed, err := parseGroup(text)
	if err != nil {
		return group{}, err
	}
	return parsed, parsed.in(g.region)
}

// retryer is the SDK's standard one with more attempts, because throttling is
// normal where several deploys share an account's budget. It has no quota across
// calls: one that was used up by throttled reads would fail the call that puts
// an instance back at its first attempt.
func (o Options) retryer() aws.Retryer {
	return retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = cmp.Or(o.Attempts, defaultAttempts)
		s.MaxBackoff = cmp.Or(o.MaxBackoff, defaultMaxBackoff)
		s.RateLimiter = ratelimit.None
	})
}
