package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

func document(outcome rollout.Outcome, instances ...rollout.InstanceResult) Document {
	return Document{Result: rollout.Result{
		Run: "20260102T030405Z-beef", Environment: "dev", Outcome: outcome, Release: release,
		Started: began, Finished: began.Add(41 * time.Second), Instances: instances,
	}}
}

func updated(id string) rollout.InstanceResult {
	return rollout.InstanceResult{ID: id, Zone: "us-west-1a", Outcome: rollout.Updated, Release: digest}
}

func ended(id string, outcome rollout.InstanceOutcome, why string) rollout.InstanceResult {
	return rollout.InstanceResult{ID: id, Zone: "us-west-1a", Outcome: outcome, Error: why}
}

func full() Document {
	instance := updated("i-0a")
	instance.Steps = []rollout.StepResult{{
		Name: rollout.StepDrain, Started: began, Finished: began.Add(time.Second),
		Detail: "quiet after 71s, 0 connections cut",
	}}
	d := document(rollout.Deployed, instance)
	d.Traffic = &probe.Receipt{LongestGap: 1600 * time.Microsecond}
	return d
}

func TestTheJSONIsTheDesigns(t *testing.T) {
	text, err := json.Marshal(full())
	require.NoError(t, err)
	assert.JSONEq(t, `{"run":"20260102T030405Z-beef","environment":"dev","outcome":"deployed","policy":"",
		"release":{"image":"registry.example/growl@`+digest+`","tag":"v2","commit":"abc123"},
		"started":"2026-01-02T03:04:05Z","finished":"2026-01-02T03:04:46Z",
		"instances":[{"id":"i-0a","zone":"us-west-1a","outcome":"updated","release":"`+digest+`",
			"steps":[{"name":"drain","started":"2026-01-02T03:04:05Z","finished":"2026-01-02T03:04:06Z",
				"detail":"quiet after 71s, 0 connections cut"}]}],
		"traffic":{"requests":0,"failed":0,"by_error":{},"longest_gap_ms":2}}`, string(text))
}

func TestAnEmptyDocumentHasListsAndNoTraffic(t *testing.T) {
	text, err := json.Marshal(Document{Result: rollout.Result{Instances: []rollout.InstanceResult{{}}}})
	require.NoError(t, err)
	assert.Contains(t, string(text), `"steps":[]`)
	assert.NotContains(t, string(text), "traffic")
	text, err = json.Marshal(Document{})
	require.NoError(t, err)
	assert.Contains(t, string(text), `"instances":[]`)
}

func TestWhatWasWrittenReadsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	d := full()
	d.Traffic.ByError, d.Traffic.LongestGap = map[string]int64{}, 2*time.Millisecond
	require.NoError(t, d.WriteFile(path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var back Document
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, d, back)
}

func TestWriteFileReplacesAndKeepsToItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	require.NoError(t, full().WriteFile(path))

	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1, "nothing but the report is left")
}

func TestWriteFileFails(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing", "report.json")
	require.ErrorContains(t, full().WriteFile(missing), "write report "+missing+": ")
	require.ErrorContains(t, full().WriteFile(dir), "write report "+dir+": ")
	left, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	assert.Len(t, left, 1, "no half report is left beside the folder")
}

func TestWriteFileToADevice(t *testing.T) {
	require.NoError(t, full().WriteFile(os.DevNull))
	info, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	assert.False(t, info.Mode().IsRegular(), "the device was replaced")
}

func TestTheDocumentIsCleanAndItsSourceUntouched(t *testing.T) {
	d := document(rollout.RolledBack, ended("i-0a", rollout.Restored, "died: \x1b[2Jgone"))
	d.Instances[0].Steps = []rollout.StepResult{{Error: "\x07 DB_PASSWORD=hush"}}
	d.Error, d.Remarks = "\u009b2J", []string{"a\nb"}
	text, err := json.Marshal(d)
	require.NoError(t, err)
	for _, bad := range []string{`\u001b`, `\u0007`, "\u009b", "hush", `\n`} {
		assert.NotContains(t, string(text), bad)
	}
	assert.Equal(t, "died: \x1b[2Jgone", d.Instances[0].Error)
	assert.Equal(t, "a\nb", d.Remarks[0])
	assert.Contains(t, d.Instances[0].Steps[0].Error, "hush")
}
