package growl_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// TestAnInstanceThatJoinsTheFleetDuringARunIsNamed: with what it runs, in the
// receipt and in the report, and it goes on serving.
func TestAnInstanceThatJoinsTheFleetDuringARunIsNamed(t *testing.T) {
	needTime(t)
	t.Parallel()
	p := keepSandbox(t, "-instances=3")
	whole, err := os.ReadFile(p.vars["FLEET"])
	require.NoError(t, err)
	fresh := p.fleet.Instances[2].ID
	p.fleet.Instances = p.fleet.Instances[:2]
	part, err := json.Marshal(p.fleet)
	require.NoError(t, err)
	dir := t.TempDir()
	fleet, file := filepath.Join(dir, "fleet.json"), filepath.Join(dir, "report.json")
	require.NoError(t, os.WriteFile(fleet, part, 0o600))

	run := p.start(t, nil, append(p.deploy(p.vars["V2"]), "-fleet="+fleet, "-report="+file, "-allowUnknownTargets")...)
	run.await(t, "deregister")
	require.NoError(t, os.WriteFile(fleet, whole, 0o600))
	assert.Zero(t, run.end(t), "%s", run.text())
	assert.Contains(t, run.text(), "not rolled: "+fresh+": they may run other code")

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var document report.Document
	require.NoError(t, json.Unmarshal(text, &document))
	assert.Equal(t, rollout.Deployed, document.Outcome)
	assert.Equal(t, []string{fresh}, document.Newcomers)
	assert.Contains(t, document.Remarks[len(document.Remarks)-1], fresh+" joined the fleet during the run and runs ")
	p.assertHealthy(t)
}
