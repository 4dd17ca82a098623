package alarm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox"
)

// paged returns one alarm per page.
type paged struct {
	inputs []*cloudwatch.DescribeAlarmsInput
	metric []types.MetricAlarm
	err    error
}

func (p *paged) DescribeAlarms(_ context.Context, in *cloudwatch.DescribeAlarmsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	copied := *in
	p.inputs = append(p.inputs, &copied)
	n := len(p.inputs) - 1
	out := &cloudwatch.DescribeAlarmsOutput{}
	if n < len(p.metric) {
		out.MetricAlarms = p.metric[n : n+1]
	} else {
		out.CompositeAlarms = []types.CompositeAlarm{{AlarmName: aws.String("whole"), StateValue: types.StateValueAlarm, StateReason: aws.String("one\n of them")}}
	}
	if n < len(p.metric) {
		out.NextToken = aws.String(fmt.Sprint(n))
	}
	return out, p.err
}

func TestEveryPageAndKindIsRead(t *testing.T) {
	p := &paged{metric: []types.MetricAlarm{
		{AlarmName: aws.String("fine"), StateValue: types.StateValueOk},
		{AlarmName: aws.String("quiet"), StateValue: types.StateValueInsufficientData},
	}}
	a, err := open(p, []string{"whole", "quiet", "fine", "fine"})
	require.NoError(t, err)
	require.EqualError(t, a.Check(t.Context()), "alarm whole is in alarm: one of them")
	require.Len(t, p.inputs, 3)
	assert.Equal(t, []string{"fine", "quiet", "whole"}, p.inputs[0].AlarmNames)
	assert.Equal(t, "1", aws.ToString(p.inputs[2].NextToken))
	assert.Len(t, p.inputs[0].AlarmTypes, 2, "CloudWatch returns composite alarms only if the request names their type")
}

func TestACallThatFailsRefuses(t *testing.T) {
	a, err := open(&paged{err: errors.New("denied")}, []string{"x"})
	require.NoError(t, err)
	require.EqualError(t, a.Check(t.Context()), "describe alarms x: denied")
}

// If CloudWatch accepts a request and never responds, the client makes the call again.
func TestACallThatIsNeverAnsweredIsMadeAgain(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // otherwise the end of the connection goes unnoticed
		if calls.Add(1) == 1 {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	loaded, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-west-1"), config.WithBaseEndpoint(server.URL),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret-key-of-the-test", "")))
	require.NoError(t, err)
	a, err := NewFromConfig(loaded, []string{"x"}, Options{MaxBackoff: time.Millisecond, AttemptTimeout: time.Second})
	require.NoError(t, err)
	require.ErrorContains(t, a.Check(t.Context()), "403")
	assert.GreaterOrEqual(t, calls.Load(), int32(2))
}

func TestNamesThatMakeNoSense(t *testing.T) {
	_, err := open(&paged{}, nil)
	require.ErrorContains(t, err, "an alarm has no name")
	_, err = open(&paged{}, []string{"x", ""})
	require.ErrorContains(t, err, "an alarm has no name")
	var many []string
	for i := range 101 {
		many = append(many, fmt.Sprint(i))
	}
	_, err = open(&paged{}, many)
	require.ErrorContains(t, err, "101 are named: at most 100")
	_, err = NewFromConfig(aws.Config{}, []string{"x"}, Options{})
	require.ErrorContains(t, err, "no AWS region")
}

// TestAlarmsOfTheSandbox speaks the SDK's protocol to an endpoint.
func TestAlarmsOfTheSandbox(t *testing.T) {
	env, err := sandbox.Start(t.Context(), sandbox.Options{Region: "us-west-1", Instances: 1, Hollow: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, env.Close()) })
	cfg := awsOf(t, env)
	client := cloudwatch.NewFromConfig(cfg)
	put := func(name string) {
		_, err := client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
			AlarmName: &name, ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, EvaluationPeriods: aws.Int32(1),
		})
		require.NoError(t, err)
	}
	set := func(name string, state types.StateValue) error {
		_, err := client.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("by hand")})
		return err
	}
	put("errors")
	put("latency")
	a, err := NewFromConfig(cfg, []string{"errors", "latency"}, Options{MaxBackoff: time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, a.Check(t.Context()), "an alarm without data is not in alarm")
	require.NoError(t, set("errors", types.StateValueAlarm))
	err = a.Check(t.Context())
	require.ErrorContains(t, err, "alarm errors is in alarm since 2")
	require.ErrorContains(t, err, "UTC: by hand")
	require.NoError(t, set("errors", types.StateValueOk))
	require.NoError(t, a.Check(t.Context()))
	var missing *types.ResourceNotFound
	require.ErrorAs(t, set("nonesuch", types.StateValueOk), &missing)

	_, err = client.DeleteAlarms(t.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"latency"}})
	require.NoError(t, err)
	require.EqualError(t, a.Check(t.Context()), "alarm latency does not exist in us-west-1: make it or take it out of the list")

	put("latency")
	require.NoError(t, env.Fault("aws-throttle"))
	for range 20 {
		require.NoError(t, a.Check(t.Context()), "a throttled call is made again")
	}
}

// awsOf is the AWS configuration that the environment's variables make.
func awsOf(t *testing.T, env *sandbox.Environment) aws.Config {
	t.Helper()
	for _, pair := range env.Env() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigFiles(nil), config.WithSharedCredentialsFiles(nil))
	require.NoError(t, err)
	return cfg
}
