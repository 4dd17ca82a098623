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
	var c, quiet conditions
	require.NoError(t, c.addAlarms(aws.Config{Region: "us-west-1"}, fleet.Fleet{Alarms: []string{"errors"}}, []string{"latency", "errors"}))
	require.Len(t, c.gates, 1)
	require.Len(t, c.watches, 1)
	assert.IsType(t, &alarm.Alarms{}, c.gates[0])
	require.NoError(t, quiet.addAlarms(aws.Config{}, fleet.Fleet{}, nil))
	assert.Empty(t, quiet.gates)
}
