package deploy

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/alarm"
	"github.com/growl-dev/deploy/fleet"
)

func TestTheEnvironmentsAlarmsAreChecked(t *testing.T) {
	o := &Operator{fleet: fleet.Fleet{Alarms: []string{"errors"}}, aws: aws.Config{Region: "us-west-1"}, options: Options{Alarms: []string{"latency", "errors"}}}
	c, err := o.addAlarms(conditions{})
	require.NoError(t, err)
	require.Len(t, c.gates, 1)
	require.Len(t, c.watches, 1)
	assert.IsType(t, &alarm.Alarms{}, c.gates[0])
	quiet, err := (&Operator{}).addAlarms(conditions{})
	require.NoError(t, err)
	assert.Empty(t, quiet.gates)
}
