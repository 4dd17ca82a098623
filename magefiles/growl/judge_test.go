package growl_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// TestUnknownTargetsAndHealthAlarms uses a fleet with a target that it does not list and an alarm on its health. It
// checks which of them refuse a deploy, which are only named, and which halt it.
func TestUnknownTargetsAndHealthAlarms(t *testing.T) {
	needTime(t)
	t.Parallel()
	p := keepSandbox(t, "-instances=3")
	dir := t.TempDir()
	described, file := filepath.Join(dir, "fleet.json"), filepath.Join(dir, "report.json")
	unknown := p.fleet.Instances[2].ID
	p.fleet.Instances = p.fleet.Instances[:2]
	named := fleet.Fleet{}
	content, err := os.ReadFile(p.vars["FLEET"])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &named))
	named.Instances, named.HealthAlarms = named.Instances[:2], []string{"hosts"}
	content, err = json.Marshal(named)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(described, content, 0o600))
	p.vars["FLEET"] = described
	client := cloudwatch.NewFromConfig(p.aws(t))
	_, err = client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("hosts"), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, EvaluationPeriods: aws.Int32(1),
	})
	require.NoError(t, err)
	set := func(state types.StateValue) {
		_, err := client.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{
			AlarmName: aws.String("hosts"), StateValue: state, StateReason: aws.String("1 host is unhealthy"),
		})
		require.NoError(t, err)
	}
	deploy := func(tag string, flags ...string) []string {
		return append(append(p.deploy(tag), "-report="+file), flags...)
	}
	remarks := func() string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var document report.Document
		require.NoError(t, json.Unmarshal(text, &document))
		assert.Equal(t, []string{unknown}, document.Newcomers)
		return strings.Join(document.Remarks, "\n")
	}

	set(types.StateValueAlarm)
	before := p.inspect(t)
	for _, args := range [][]string{deploy(p.vars["V2"]), deploy(p.vars["V2"], "-dryRun")} {
		code, output := p.run(t, args...)
		assert.Equal(t, rollout.Refused.ExitCode(), code, "%s", output)
		assertOneLine(t, output, "registered, but not in the fleet: "+unknown+":8080 in "+p.fleet.TargetGroups[0]+": deregister it, add it to the fleet, or go on with -allowUnknownTargets")
	}
	assert.Equal(t, before, p.inspect(t), "something was touched")

	for _, args := range [][]string{p.operate("heal"), {"deploy:status", "dev"}} {
		code, output := p.run(t, args...)
		assert.Zero(t, code, "%s", output)
		assert.Contains(t, output, unknown+" is registered in "+p.fleet.TargetGroups[0]+" on port 8080 but not in the fleet")
	}

	code, output := p.run(t, deploy(p.vars["V2"], "-allowUnknownTargets")...)
	require.Zero(t, code, "an alarm from before halted it: %s", output)
	assert.Contains(t, output, "alarm hosts was in alarm before the run")
	assert.Contains(t, remarks(), "-allowUnknownTargets: targets that are not in the fleet may be registered")
	assert.Contains(t, remarks(), "alarm hosts was in alarm before the run since ")
	assert.Contains(t, remarks(), unknown+" is registered in "+p.fleet.TargetGroups[0]+" on port 8080 but not in the fleet")

	code, output = p.run(t, deploy(p.vars["V1"], "-allowUnknownTargets", "-skipAlarms", "-alarms=nonesuch")...)
	require.Zero(t, code, "%s", output)
	assert.Contains(t, remarks(), "-skipAlarms: no CloudWatch alarm can refuse or halt the run")
	assert.NotContains(t, remarks(), "alarm hosts")

	code, output = p.run(t, append(p.operate("rollback"), "-report="+file)...)
	require.Zero(t, code, "%s", output)
	assert.Contains(t, remarks(), unknown+" is registered in ")

	set(types.StateValueOk)
	run := p.start(t, nil, deploy(p.vars["V1"], "-allowUnknownTargets")...)
	run.await(t, "deregister")
	set(types.StateValueAlarm)
	assert.Equal(t, rollout.Mixed.ExitCode(), run.end(t), "%s", run.text())
	assert.Contains(t, run.text(), "halted: guard health alarms: alarm hosts is in alarm since ")
	p.assertHealthy(t)

	code, output = p.run(t, p.operate("resume")...)
	assert.Equal(t, rollout.Refused.ExitCode(), code, "%s", output)
	assertOneLine(t, output, "registered, but not in the fleet: "+unknown+":8080")
	code, output = p.run(t, append(p.operate("resume"), "-allowUnknownTargets")...)
	assert.Zero(t, code, "%s", output)
}
