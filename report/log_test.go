package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// TestLogLinesAreShown: everything that people read of a failed instance has its log's
// last lines, cleaned.
func TestLogLinesAreShown(t *testing.T) {
	lines := []string{"starts", "##[error]panic:\x1b[2J no database"}
	const shown = "exited with code 1; its log ends: starts | ## [error]panic: no database"
	failed := ended("i-0a", rollout.Restored, "exited with code 1")
	failed.Log = lines
	d := document(rollout.RolledBack, failed)

	assert.Contains(t, Receipt(d), "failed on i-0a ("+shown+")")
	assert.Contains(t, Annotations(d), shown)
	assert.Contains(t, GitHub(d), markdown(shown))
	text, err := json.Marshal(d)
	require.NoError(t, err)
	var read struct{ Instances []struct{ Log []string } }
	require.NoError(t, json.Unmarshal(text, &read))
	assert.Equal(t, []string{"starts", "## [error]panic: no database"}, read.Instances[0].Log)
	assert.Equal(t, "##[error]panic:\x1b[2J no database", d.Instances[0].Log[1], "the caller's document is left alone")

	event := rollout.Event{Time: time.Unix(0, 0), Instance: "i-0a", Step: rollout.StepProve, Kind: rollout.StepFailed, Err: errors.New("prove: exited with code 1"), Log: lines}
	var out bytes.Buffer
	Plain(&out)(event)
	assert.Contains(t, out.String(), "FAILED: prove: "+shown)
	b := newBoard(Options{})
	b.observe(event)
	assert.Contains(t, b.row("i-0a", "").failure, shown)
	b.finish(d)
	assert.Equal(t, shown, b.row("i-0a", "").failure)
}
