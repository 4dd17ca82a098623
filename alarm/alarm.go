package alarm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/growl-dev/deploy/rollout"
)

// api is the part of cloudwatch.Client that is called.
type api interface {
	DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
}

var (
	_ api          = (*cloudwatch.Client)(nil)
	_ rollout.Gate = (*Alarms)(nil)
)

// most is how many alarms one call may name.
const most = 100

// Options changes how CloudWatch is spoken to. The zero value is ready.
type Options struct {
	// Region is the alarms'. Empty: the region of the aws.Config.
	Region string
	// Attempts is how often one question is asked while it is throttled or fails on
	// the way; 0 means 10.
	Attempts int
	// MaxBackoff bounds the wait between two attempts; 0 means 5 s, and ten
	// attempts then wait for 37 s at most.
	MaxBackoff time.Duration
	// AttemptTimeout is how long one attempt may take before it is given up and made
	// again; 0 means 15 s. An aws.Config with an HTTP client that is not the SDK's
	// keeps that client's own.
	AttemptTimeout time.Duration
}

// Alarms are alarms of one region, by name: metric alarms and composite ones. Its
// methods may be called concurrently.
type Alarms struct {
	api    api
	region string
	names  []string
}

// NewFromConfig returns the alarms of these names, asked for with cfg's
// credentials and endpoint. It makes no call. An empty name and more than 100 are
// refused; a name twice counts once.
func NewFromConfig(cfg aws.Config, names []string, o Options) (*Alarms, error) {
	cfg.Region = cmp.Or(o.Region, cfg.Region)
	if cfg.Region == "" {
		return nil, errors.New("open alarms: no AWS region: set AWS_REGION or name it in the profile")
	}
	client := cloudwatch.NewFromConfig(cfg, func(c *cloudwatch.Options) {
		c.Retryer = o.retryer()
		if own, ok := c.HTTPClient.(*awshttp.BuildableClient); ok {
			c.HTTPClient = own.WithTimeout(cmp.Or(o.AttemptTimeout, 15*time.Second))
		}
	})
	alarms, err := open(client, names)
	if err != nil {
		return nil, err
	}
	alarms.region = cfg.Region
	return alarms, nil
}

// open returns the alarms of these names that client reaches.
func open(client api, names []string) (*Alarms, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	switch {
	case len(names) == 0 || names[0] == "":
		return nil, errors.New("open alarms: an alarm has no name")
	case len(names) > most:
		return nil, fmt.Errorf("open alarms: %d are named: at most %d, or a composite alarm of them", len(names), most)
	}
	return &Alarms{api: client, names: names}, nil
}

// Name is what the gate is called.
func (*Alarms) Name() string { return "alarms" }

// Check refuses where an alarm is in alarm or does not exist, and names each. One
// that lacks data is not in alarm: alarms on errors have none while all is well.
func (a *Alarms) Check(ctx context.Context) error {
	states, err := a.states(ctx)
	if err != nil {
		return a.undescribed(err)
	}
	var faults []string
	for _, name := range a.names {
		found, there := states[name]
		faults = append(faults, a.fault(name, found, there)...)
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return nil
}

func (a *Alarms) undescribed(err error) error {
	return fmt.Errorf("describe alarms %s: %w", strings.Join(a.names, ", "), err)
}

// fault is what is wrong with an alarm: nothing, or one sentence.
func (a *Alarms) fault(name string, found alarm, there bool) []string {
	switch {
	case !there:
		return []string{fmt.Sprintf("alarm %s does not exist%s: make it or take it out of the list", name, a.where())}
	case found.state == types.StateValueAlarm:
		return []string{fmt.Sprintf("alarm %s is in alarm%s", name, found.why())}
	default:
		return nil
	}
}

func (a *Alarms) where() string {
	if a.region == "" {
		return ""
	}
	return " in " + a.region
}

// alarm is what CloudWatch says of one.
type alarm struct {
	state  types.StateValue
	reason string
	since  *time.Time
}

// why is since when, and the reason: one line.
func (a alarm) why() string {
	why := ""
	if a.since != nil {
		why = " since " + a.since.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	if reason := strings.Join(strings.Fields(a.reason), " "); reason != "" {
		why += ": " + reason
	}
	return why
}

// states asks for all alarms: one call, or more where the answer has pages.
func (a *Alarms) states(ctx context.Context) (map[string]alarm, error) {
	states := map[string]alarm{}
	input := &cloudwatch.DescribeAlarmsInput{
		AlarmNames: a.names,
		// Composite alarms are answered for only where they are asked for.
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
		MaxRecords: aws.Int32(most),
	}
	for {
		answer, err := a.api.DescribeAlarms(ctx, input)
		if err != nil {
			return nil, err
		}
		for _, m := range answer.MetricAlarms {
			states[aws.ToString(m.AlarmName)] = alarm{m.StateValue, aws.ToString(m.StateReason), m.StateUpdatedTimestamp}
		}
		for _, c := range answer.CompositeAlarms {
			states[aws.ToString(c.AlarmName)] = alarm{c.StateValue, aws.ToString(c.StateReason), c.StateUpdatedTimestamp}
		}
		if aws.ToString(answer.NextToken) == "" {
			return states, nil
		}
		input.NextToken = answer.NextToken
	}
}

// retryer is the SDK's standard one with more attempts and no quota across calls,
// as for the load balancer: a throttled minute must not halt a run.
func (o Options) retryer() aws.Retryer {
	return retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = cmp.Or(o.Attempts, 10)
		s.MaxBackoff = cmp.Or(o.MaxBackoff, 5*time.Second)
		s.RateLimiter = ratelimit.None
	})
}
