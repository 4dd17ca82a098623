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

// Options configures the client of the load balancer's API. The zero value is ready to use.
type Options struct {
	// Region is the region of the API. Target groups of another region are refused. Empty: the region of the
	// aws.Config.
	Region string
	// Attempts is the number of times that one call is tried while it is throttled or fails on the way; 0 means 10. An
	// explicit AWS_MAX_ATTEMPTS wins.
	Attempts int
	// AttemptTimeout is the time after which one attempt is given up and made again; 0 means 15 s. It has no effect if
	// the aws.Config has an HTTP client that is not the SDK's: that client keeps its own timeout.
	AttemptTimeout time.Duration
	// MaxBackoff bounds the wait between two attempts, which grows from up to 1 s and is jittered; 0 means 5 s.
	MaxBackoff time.Duration
}

// The defaults of [Options]. Ten attempts wait for 37 s at most, so that they fit into the minute that the engine gives
// a mutating call. The SDK's own bound of 20 s would not fit, and is not needed because ELBv2's budget refills by ten
// calls each second. The timeout of an attempt leaves time for more attempts, because a whole batch may wait for the
// call.
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

	mu       sync.Mutex
	batchers map[string]*batcher // by verb and ARN
}

// NewFromConfig returns the target groups with these ARNs. Calls use cfg's region, credentials and endpoint;
// NewFromConfig itself makes no call. It returns an error if there are no ARNs, or if one is malformed or of another
// region. An ARN that is named twice counts once.
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
	g := &Groups{api: client, region: cfg.Region, batchers: map[string]*batcher{}}
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

// retryer returns the SDK's standard retryer with more attempts, because throttling is normal if several deploys share
// an account's budget. It has no quota across calls: throttled reads could use such a quota up, and then the call that
// puts an instance back would fail at its first attempt.
func (o Options) retryer() aws.Retryer {
	return retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = cmp.Or(o.Attempts, defaultAttempts)
		s.MaxBackoff = cmp.Or(o.MaxBackoff, defaultMaxBackoff)
		s.RateLimiter = ratelimit.None
	})
}
