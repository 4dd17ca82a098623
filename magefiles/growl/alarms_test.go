package growl_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// TestAlarmsRefuseAndHalt: an alarm that rings or does not exist refuses before
// anything is touched; one that begins to ring while the first instance is
// updated halts the run after it, and both instances serve.
func TestAlarmsRefuseAndHalt(t *testing.T) {
	needTime(t)
	t.Parallel()
	p := keepSandbox(t, "-instances=2")
	client := cloudwatch.NewFromConfig(p.aws(t))
	_, err := client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("errors"), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, EvaluationPeriods: aws.Int32(1),
	})
	require.NoError(t, err)
	set := func(state types.StateValue) {
		_, err := client.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{
			AlarmName: aws.String("errors"), StateValue: state, StateReason: aws.String("too many"),
		})
		require.NoError(t, err)
	}
	before := p.inspect(t)
	deploy := append(p.deploy(p.vars["V2"]), "-alarms=errors")

	set(types.StateValueAlarm)
	code, output := p.run(t, deploy...)
	assert.Equal(t, rollout.Refused.ExitCode(), code, "%s", output)
	assertOneLine(t, output, "gate alarms: alarm errors is in alarm since ")
	set(types.StateValueOk)
	code, output = p.run(t, append(p.deploy(p.vars["V2"]), "-alarms=errors, latency")...)
	assert.Equal(t, rollout.Refused.ExitCode(), code, "%s", output)
	assertOneLine(t, output, "gate alarms: alarm latency does not exist in us-west-1: make it or take it out of the list")
	code, output = p.run(t, append(p.deploy(p.vars["V2"]), "-alarms=errors,")...)
	assert.Equal(t, 2, code, "%s", output)
	assertOneLine(t, output, "an alarm has no name")
	assert.Equal(t, before, p.inspect(t), "something was touched")

	run := p.start(t, nil, deploy...)
	run.await(t, "deregister")
	set(types.StateValueAlarm)
	assert.Equal(t, rollout.Mixed.ExitCode(), run.end(t), "%s", run.text())
	assert.Contains(t, run.text(), "halted: guard alarms: alarm errors is in alarm since ")
	assert.Contains(t, run.text(), "too many")
	p.assertHealthy(t)
	halted := p.inspect(t)
	code, output = p.run(t, append(p.operate("resume"), "-alarms=errors")...)
	assert.Equal(t, rollout.Refused.ExitCode(), code, "%s", output)
	assertOneLine(t, output, "gate alarms: alarm errors is in alarm since ")
	assert.Equal(t, halted, p.inspect(t), "a run that goes on was not to begin")
	code, output = p.run(t, p.operate("rollback")...)
	assert.NotContains(t, output, "alarm errors", "a rollback asks no alarm")
	assert.Zero(t, code, "%s", output)
	for _, on := range p.inspect(t) {
		assert.Equal(t, p.vars["V1"], on.commit, "the release that was adopted")
	}
}
