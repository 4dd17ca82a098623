package alarm

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inState returns one alarm, host, in this state.
func inState(state types.StateValue) *paged {
	return &paged{metric: []types.MetricAlarm{{AlarmName: aws.String("host"), StateValue: state, StateReason: aws.String("1 unhealthy")}}}
}

// TestAHealthAlarmHaltsOnlyIfItBeginsDuringTheRun checks the states at the beginning of a run and later.
func TestAHealthAlarmHaltsOnlyIfItBeginsDuringTheRun(t *testing.T) {
	const ok, rings, quiet, gone = types.StateValueOk, types.StateValueAlarm, types.StateValueInsufficientData, types.StateValue("")
	for _, test := range []struct {
		name   string
		states []types.StateValue
		// refuses holds which checks return an error.
		refuses []bool
		remarks int
	}{
		{"well throughout", []types.StateValue{ok, ok}, []bool{false, false}, 0},
		{"it begins during the run", []types.StateValue{ok, rings}, []bool{false, true}, 0},
		{"it begins from no data", []types.StateValue{quiet, rings}, []bool{false, true}, 0},
		{"it rang before", []types.StateValue{rings, rings, rings}, []bool{false, false, false}, 1},
		{"no data is not OK", []types.StateValue{rings, quiet, rings}, []bool{false, false, false}, 1},
		{"it was OK again", []types.StateValue{rings, ok, rings}, []bool{false, false, true}, 1},
		{"it does not exist", []types.StateValue{gone}, []bool{true}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			states := inState(ok)
			alarms, err := open(states, []string{"host"})
			require.NoError(t, err)
			health := NewHealth(alarms)
			for i, state := range test.states {
				states.inputs, states.metric = nil, inState(state).metric
				if state == gone {
					states.metric = nil
				}
				err := health.Check(t.Context())
				assert.Equal(t, test.refuses[i], err != nil, "check %d: %v", i, err)
			}
			require.Len(t, health.Remarks(), test.remarks)
			if test.remarks > 0 {
				assert.Equal(t, "alarm host was in alarm before the run: 1 unhealthy: it halts the run only after it was OK again", health.Remarks()[0])
			}
		})
	}
	alarms, err := open(&paged{err: errors.New("denied")}, []string{"host"})
	require.NoError(t, err)
	require.EqualError(t, NewHealth(alarms).Check(t.Context()), "describe alarms host: denied")
}
