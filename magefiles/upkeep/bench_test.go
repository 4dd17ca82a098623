package upkeep

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/bench"
	"github.com/growl-dev/deploy/internal/magetest"
)

// measured runs a bench through the program that people run, and returns what it prints and its report's results. The
// bench has to fail exactly if its results miss a limit: whether they do depends on what else this machine does.
func measured[Result any](t *testing.T, args ...string) (output string, results []Result) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	cmd := exec.Command(magetest.Program(t), append(args, "-report="+file)...)
	cmd.Dir, cmd.Env = "../..", magetest.Environ()
	out, failed := cmd.CombinedOutput()
	text, err := os.ReadFile(file)
	require.NoError(t, err, "%s", out)
	var report struct {
		bench.Report
		Results []Result `json:"results"`
	}
	require.NoError(t, json.Unmarshal(text, &report))
	var missed []error
	for _, result := range report.Results {
		if limited, ok := any(result).(interface{ Missed() error }); ok {
			missed = append(missed, limited.Missed())
		}
	}
	assert.Equal(t, errors.Join(missed...) == nil, failed == nil, "%s", out)
	assert.Positive(t, report.CPUs)
	assert.WithinDuration(t, time.Now(), report.Started, time.Hour)
	return string(out), report.Results
}

// needTime skips what needs a whole environment.
func needTime(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("deploys to a whole environment: run without -short")
	}
}

// TestBenchDeployComparesARunWithItsWaits: what sandbox:run prints is shown, and then the bench's own line.
func TestBenchDeployComparesARunWithItsWaits(t *testing.T) {
	needTime(t)
	t.Parallel()
	output, results := measured[bench.DeployResult](t, "bench:deploy", "-factor=60")
	require.Len(t, results, 1)
	assert.Positive(t, results[0].WaitsMS)
	assert.Greater(t, results[0].RunMS, results[0].WaitsMS)
	assert.Regexp(t, `(?s)3/3.*\nrun [\d.]+s · unavoidable waits [\d.]+s · ratio [\d.]+\n$`, output)
}

func TestBenchFleetCountsWhatARunCosts(t *testing.T) {
	needTime(t)
	t.Parallel()
	output, results := measured[bench.FleetResult](t, "bench:fleet", "-instances=3", "-factor=100")
	require.Len(t, results, 1)
	r := results[0]
	assert.Equal(t, 3, r.Updated)
	assert.Positive(t, r.CPUMS)
	assert.Greater(t, r.PeakBytes, int64(1<<20))
	assert.Positive(t, r.Calls["DescribeTargetHealth"])
	assert.Equal(t, 3, r.Calls["RegisterTargets"])
	assert.Contains(t, output, "   3 instances in ")
}

func TestBenchLoadSendsThroughARun(t *testing.T) {
	needTime(t)
	t.Parallel()
	output, results := measured[bench.LoadResult](t, "bench:load", "-rate=110", "-fresh=100", "-factor=60")
	require.Len(t, results, 1)
	assert.Positive(t, results[0].Traffic.Requests)
	assert.Equal(t, 1, results[0].Clients)
	assert.Contains(t, output, "10 instances in ")
}

func TestBenchServicesShowsTheEvidenceOfDrains(t *testing.T) {
	needTime(t)
	t.Parallel()
	output, results := measured[bench.ServiceResult](t, "bench:services", "-factor=60")
	require.Len(t, results, 15)
	for _, r := range results {
		instances := 2
		if r.LagMS < results[0].LagMS {
			instances = 3
		}
		assert.Len(t, r.DrainMS, instances)
		assert.Len(t, r.Seen, instances)
		assert.Equal(t, r.Clients != "no connections", r.Traffic != nil, r.Clients)
		if r.Traffic != nil {
			assert.Positive(t, r.Traffic.Requests, r.Clients)
		}
	}
	assert.Regexp(t, `no connections, counted by the kernel · no requests\n  routing lag over after \d`, output)
}

func TestBenchesRefuseWhatMakesNoSense(t *testing.T) {
	zero, one := 0.5, 1
	nowhere := "/nonesuch/report.json"
	for _, refused := range []struct {
		err  error
		want string
	}{
		{Bench{}.Fleet(t.Context(), nil, &zero, nil), "-factor=0.5: want at least 1"},
		{Bench{}.Drain(t.Context(), nil, &nowhere), "its folder does not exist"},
		{Bench{}.Services(t.Context(), &zero, nil), "-factor=0.5: want at least 1"},
		{Bench{}.Deploy(t.Context(), nil, &nowhere), "its folder does not exist"},
		{Bench{}.Start(t.Context(), &nowhere), "its folder does not exist"},
		{Bench{}.Load(t.Context(), &one, nil, nil, nil), "-rate=1 -fresh=500: want"},
	} {
		require.ErrorContains(t, refused.err, refused.want)
		assert.Equal(t, 2, mg.ExitStatus(refused.err), refused.want)
	}
}
