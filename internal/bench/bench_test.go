package bench

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

func TestServiceResultsHaveLimits(t *testing.T) {
	r := ServiceResult{Clients: "few", Counted: byService, LagMS: 2000, DrainMS: []float64{2100, 1900}}
	require.NoError(t, r.Missed())
	r.Unproven = true
	require.ErrorContains(t, r.Missed(), "drained in 1900 ms on silence that proves nothing")
	r.Traffic = &probe.Receipt{Requests: 9, Failed: 1}
	require.ErrorContains(t, r.Missed(), "few, counted by the service: 1 requests failed")
}

func TestFleetResultsHaveLimits(t *testing.T) {
	require.NoError(t, FleetResult{Instances: 1000, CPUMS: 49_999, PeakBytes: 399 << 20}.Missed())
	require.ErrorContains(t, FleetResult{Instances: 1000, CPUMS: 51_000}.Missed(), "51.0ms of CPU each")
	require.ErrorContains(t, FleetResult{Instances: 10, PeakBytes: 401 << 20}.Missed(), "401 MB: at most 400")
	require.NoError(t, FleetResult{Instances: 10, CPUMS: 500}.Missed(), "the program's own start is spread over ten")
	require.ErrorContains(t, LoadResult{Seconds: 1, Rate: 10, Traffic: probe.Receipt{Requests: 10, Failed: 1}}.Missed(), "1 of 10 requests failed")
	require.ErrorContains(t, LoadResult{Seconds: 1, Rate: 10, Traffic: probe.Receipt{Requests: 9}}.Missed(), "sent 9 requests a second")
}

func TestTimesOfARunAreItsRows(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	row := func(name rollout.StepName, from, to int, undo bool) rollout.StepResult {
		return rollout.StepResult{Name: name, Started: at(from), Finished: at(to), Undo: undo}
	}
	r := rollout.Result{Instances: []rollout.InstanceResult{
		{Steps: []rollout.StepResult{row(rollout.StepDeregister, 0, 1, false), row(rollout.StepDrain, 1, 7, false), row(rollout.StepJoin, 8, 19, false)}},
		{Steps: []rollout.StepResult{row(rollout.StepDeregister, 20, 21, false), row(rollout.StepDrain, 21, 22, true)}},
	}}
	assert.Equal(t, []time.Duration{7 * time.Second}, between(r, rollout.StepDeregister, rollout.StepDrain), "a compensation is none of it")
	assert.Equal(t, []time.Duration{19 * time.Second}, between(r, rollout.StepDeregister, rollout.StepJoin))
	assert.Equal(t, 13*time.Second, mean([]time.Duration{7 * time.Second, 19 * time.Second}))
	assert.Zero(t, mean(nil))
	assert.InDelta(t, -50, more(2*time.Second, time.Second), 0.01)
	policy, err := changed(rollout.DefaultPolicy().String(), "drain.fixed=true")
	require.NoError(t, err)
	assert.Contains(t, policy, "drain.fixed=true")
}

func TestADrainMayFailRequestsOnlyWithoutEvidence(t *testing.T) {
	failed := probe.Receipt{Requests: 9, Failed: 2}
	pair := DrainPair{
		Fixed:    DrainResult{Case: "short lag", Process: processFixed, Traffic: failed, drain: 2 * time.Second},
		Evidence: DrainResult{Case: "short lag", Process: processEvidence, Traffic: failed, drain: time.Second},
	}
	require.NoError(t, pair.Fixed.Missed())
	require.EqualError(t, pair.Evidence.Missed(), "short lag: 2 requests failed in spite of evidence")
	assert.Contains(t, pair.String(), "\n  evidence: -50 % time to drain")
}

func TestAReportNamesTheLimitsThatWereMissed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	r := NewReport("fleet")
	r.Add(DeployResult{RunMS: 1})
	require.NoError(t, r.End(file))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"run_ms": 1`)

	r.Add(FleetResult{Instances: 10, PeakBytes: 401 << 20})
	r.Add(FleetResult{Instances: 100, PeakBytes: 402 << 20})
	require.EqualError(t, r.End(""), "10 instances took 401 MB: at most 400; 100 instances took 402 MB: at most 400")
	require.ErrorContains(t, r.End("/nonesuch/report.json"), "; write the report: ")
}
