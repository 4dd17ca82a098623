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

// maxAlarms is the number of alarms that one call may name.
const maxAlarms = 100

// Options configures the client of CloudWatch. The zero value is ready to use.
type Options struct {
	// Region is the region of the alarms. Empty: the region of the aws.Config.
	Region string
	// Attempts is the number of times that one call is tried while it is throttled or fails on the way; 0 means 10.
	Attempts int
	// MaxBackoff bounds the wait between two attempts; 0 means 5 s, so that ten attempts wait for 37 s at most.
	MaxBackoff time.Duration
	// AttemptTimeout is the time after which one attempt is given up and made again; 0 means 15 s. It has no effect if
	// the aws.Config has an HTTP client that is not the SDK's: that client keeps its own timeout.
	AttemptTimeout time.Duration
}

// Alarms are metric and composite alarms of one region, by name. Its methods may be called concurrently.
type Alarms struct {
	api    api
	region string
	names  []string
}

// NewFromConfig returns the alarms with these names. Calls use cfg's credentials and endpoint; NewFromConfig itself
// makes no call. It returns an error for an empty name and for more than 100 names. A name that is given twice counts
// once.
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

// open returns the alarms with these names that client reaches.
func open(client api, names []string) (*Alarms, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	switch {
	case len(names) == 0 || names[0] == "":
		return nil, errors.New("open alarms: an alarm has no name")
	case len(names) > maxAlarms:
		return nil, fmt.Errorf("open alarms: %d are named: at most %d, or a composite alarm of them", len(names), maxAlarms)
	}
	return &Alarms{api: client, names: names}, nil
}

// Name returns the name of the gate.
func (*Alarms) Name() string { return "alarms" }

// Check returns an error that names each alarm that is in alarm or does not exist. An alarm without data counts as not
// in alarm, because an alarm on errors has no data while there are none.
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

// fault returns one sentence if the alarm is in alarm or does not exist, else nothing.
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

// alarm is the state of one alarm in CloudWatch.
type alarm struct {
	state  types.StateValue
	reason string
	since  *time.Time
}

// why returns the time since when the alarm is in alarm, and the reason, on one line.
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

// states describes all alarms. One call is enough unless the result has pages.
func (a *Alarms) states(ctx context.Context) (map[string]alarm, error) {
	states := map[string]alarm{}
	input := &cloudwatch.DescribeAlarmsInput{
		AlarmNames: a.names,
		// The result includes composite alarms only if the request names their type.
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
		MaxRecords: aws.Int32(maxAlarms),
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

// retryer returns the SDK's standard retryer with more attempts and without its quota across calls, as for the load
// balancer, because a minute of throttling should not halt a run.
func (o Options) retryer() aws.Retryer {
	return retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = cmp.Or(o.Attempts, 10)
		s.MaxBackoff = cmp.Or(o.MaxBackoff, 5*time.Second)
		s.RateLimiter = ratelimit.None
	})
}
