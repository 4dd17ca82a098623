package targets

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// bench runs a bench through the program that people run, and reads its report.
func bench(t *testing.T, results any, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	cmd := exec.Command(compileTargets(t), append(args, "-report="+file)...)
	cmd.Dir = "../.."
	cmd.Env = place{}.environ()
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	report := benchReport{Results: results}
	require.NoError(t, json.Unmarshal(text, &report))
	assert.Positive(t, report.CPUs)
	assert.WithinDuration(t, time.Now(), report.Started, 10*time.Minute)
	return string(said)
}

func TestBenchFleetCountsWhatARunCosts(t *testing.T) {
	needTime(t)
	t.Parallel()
	var results []fleetResult
	said := bench(t, &results, "bench:fleet", "-instances=3", "-factor=100")
	require.Len(t, results, 1)
	r := results[0]
	assert.Equal(t, 3, r.Updated)
	assert.Positive(t, r.CPUMS)
	assert.Greater(t, r.PeakBytes, int64(1<<20))
	assert.Positive(t, r.Calls["DescribeTargetHealth"])
	assert.Equal(t, 3, r.Calls["RegisterTargets"])
	assert.Contains(t, said, "   3 instances in ")
}

func TestBenchLoadSendsThroughARun(t *testing.T) {
	needTime(t)
	t.Parallel()
	var results []loadResult
	said := bench(t, &results, "bench:load", "-rate=110", "-fresh=100", "-factor=60")
	require.Len(t, results, 1)
	assert.Zero(t, results[0].Traffic.Failed)
	assert.Positive(t, results[0].Traffic.Requests)
	assert.Equal(t, 1, results[0].Clients)
	assert.Contains(t, said, "10 instances in ")
}

func TestBenchServicesTellsWhatDrainsSaw(t *testing.T) {
	needTime(t)
	t.Parallel()
	var results []serviceResult
	said := bench(t, &results, "bench:services", "-factor=60")
	require.Len(t, results, 8)
	for _, r := range results {
		assert.Len(t, r.DrainMS, 2)
		assert.Len(t, r.Seen, 2)
		assert.Equal(t, r.Rate > 0, r.Traffic != nil, r.Clients)
		if r.Traffic != nil {
			assert.Positive(t, r.Traffic.Requests, r.Clients)
		}
	}
	assert.Regexp(t, `no connections, counted by the kernel · no requests\n  routing lag over after \d`, said)
}

func TestServiceResultsHaveLimits(t *testing.T) {
	r := serviceResult{Clients: "few", Counted: byService, LagMS: 2000, DrainMS: []float64{2100, 1900}}
	require.NoError(t, r.missed())
	r.sparse = true
	require.ErrorContains(t, r.missed(), "drained in 1900 ms on silence that proves nothing")
	r.Traffic = &probe.Receipt{Requests: 9, Failed: 1}
	require.ErrorContains(t, r.missed(), "few, counted by the service: 1 requests failed")
}

func TestBenchesRefuseWhatMakesNoSense(t *testing.T) {
	zero, one := 0.5, 1
	nowhere := "/nonesuch/report.json"
	require.ErrorContains(t, Bench{}.Fleet(t.Context(), nil, &zero, nil), "-factor=0.5: want at least 1")
	require.ErrorContains(t, Bench{}.Drain(t.Context(), nil, &nowhere), "its folder does not exist")
	require.ErrorContains(t, Bench{}.Services(t.Context(), &zero, nil), "-factor=0.5: want at least 1")
	require.ErrorContains(t, Bench{}.Deploy(t.Context(), nil, &nowhere), "its folder does not exist")
	require.ErrorContains(t, Bench{}.Start(t.Context(), &nowhere), "its folder does not exist")
	require.ErrorContains(t, Bench{}.Load(t.Context(), &one, nil, nil, nil), "-rate=1 -fresh=500: want")
}

func TestFleetResultsHaveLimits(t *testing.T) {
	require.NoError(t, fleetResult{Instances: 1000, CPUMS: 9999, PeakBytes: 199 << 20}.missed())
	require.ErrorContains(t, fleetResult{Instances: 1000, CPUMS: 11_000}.missed(), "11.0ms of CPU each")
	require.ErrorContains(t, fleetResult{Instances: 10, PeakBytes: 201 << 20}.missed(), "201 MB: at most 200")
	require.NoError(t, fleetResult{Instances: 10, CPUMS: 500}.missed(), "the program's own start is spread over ten")
	require.ErrorContains(t, loadResult{Seconds: 1, Rate: 10, Traffic: probe.Receipt{Requests: 10, Failed: 1}}.missed(), "1 of 10 requests failed")
	require.ErrorContains(t, loadResult{Seconds: 1, Rate: 10, Traffic: probe.Receipt{Requests: 9}}.missed(), "sent 9 requests a second")
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
