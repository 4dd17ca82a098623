package ledger

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

func row(instance string, step rollout.StepName, mark rollout.Mark) rollout.Entry {
	return rollout.Entry{Time: time.Unix(0, 0).UTC(), Instance: instance, Step: step, Mark: mark, New: "sha256:new"}
}

// spell writes a journal down: "i-1 stop begun".
func spell(entries []rollout.Entry) []string {
	words := []string{}
	for _, e := range entries {
		words = append(words, fmt.Sprintf("%s %s %s", e.Instance, e.Step, e.Mark))
	}
	return words
}

func TestCompactKeepsWhatRecoveryNeeds(t *testing.T) {
	var all []rollout.Entry
	for _, step := range rollout.Steps() {
		all = append(all, row("i-1", step, rollout.Begun), row("i-1", step, rollout.Done))
	}
	for _, step := range rollout.Steps()[:4] {
		all = append(all, row("i-2", step, rollout.Begun), row("i-2", step, rollout.Done))
	}
	all = append(all, row("i-2", rollout.StepStart, rollout.Begun))
	assert.Equal(t, []string{
		"i-1 prepare begun", "i-1 settle done",
		"i-2 prepare begun", "i-2 prepare done", "i-2 deregister done", "i-2 drain done", "i-2 stop done", "i-2 start begun",
	}, spell(compact(all)))

	all = append(all, row("i-2", rollout.StepStart, rollout.Failed), row("i-2", rollout.StepStop, rollout.Undoing),
		row("i-2", rollout.StepStop, rollout.Undone), row("i-2", rollout.StepDeregister, rollout.Undone))
	assert.Equal(t, []string{"i-1 prepare begun", "i-1 settle done", "i-2 prepare begun", "i-2 deregister undone"}, spell(compact(all)))

	// Taken again, as by a rollback of the whole fleet.
	again := append(compact(all), row("i-1", rollout.StepDeregister, rollout.Begun))
	assert.Equal(t, []string{"i-1 prepare begun", "i-1 settle done", "i-2 prepare begun", "i-2 deregister undone", "i-1 deregister begun"}, spell(compact(again)))
}

func TestCompactOneByOneIsCompactAtOnce(t *testing.T) {
	var all, grown []rollout.Entry
	for i := range 50 {
		for _, step := range rollout.Steps() {
			for _, mark := range []rollout.Mark{rollout.Begun, rollout.Done} {
				e := row(fmt.Sprintf("i-%d", i), step, mark)
				all = append(all, e)
				grown = compact(append(grown, e))
			}
		}
	}
	assert.Equal(t, compact(all), grown)
	assert.Len(t, grown, 100, "bounded by the fleet, not by the steps")
	assert.Len(t, all, 900, "and what was given is left alone")
}

func TestShortenIsOneShortLine(t *testing.T) {
	assert.Equal(t, "first", shorten("first\nsecond"))
	assert.Less(t, len(shorten(strings.Repeat("ü", 1000))), 510)
	assert.Equal(t, "ab", shorten("a\xffb"))
}

// Whatever is accepted is written back as the same, and may be retired and
// compacted; whatever is not is refused without a panic.
func FuzzDecodeDocument(f *testing.F) {
	f.Add([]byte(`{"version":1,"write":"a","environment":"dev"}`))
	f.Add([]byte(`{"version":1,"write":"a","environment":"dev","lease":{"id":"b","seconds":60,"run":"run-1","release":{"image":""},"began":"2026-01-02T03:04:05Z",` +
		`"journal":[{"time":"2026-01-02T03:04:05Z","instance":"i-1","step":"stop","mark":"begun","targets":[{"group":"g","instance":"i-1","port":80}],"new":"sha256:x"}]},` +
		`"unfinished":[{"run":"run-0","release":{"image":"x"},"began":"2026-01-02T03:04:05Z"}],"finished":[{"version":1,"result":{"run":"run-2"}}]}`))
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`{"version":1,"lease":{}}`))
	f.Add([]byte(`[{"version":1}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := decodeDocument(data, "dev")
		if err != nil {
			return
		}
		written, err := json.Marshal(d)
		require.NoError(t, err)
		again, err := decodeDocument(written, "dev")
		require.NoError(t, err)
		rewritten, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(written), string(rewritten))
		if d.Lease != nil {
			d.Lease.Entries = compact(d.Lease.Entries)
		}
		d.retire()
		require.Nil(t, d.Lease)
		require.NoError(t, d.check("dev"))
	})
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"holder":{"run":"run-1"},"result":{"run":"run-1","outcome":"deployed","later":true}}`))
	f.Add([]byte(`{"version":1,"result":{"run":"../x"}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRecord(data)
		if err != nil {
			return
		}
		written, err := encodeRecord(r)
		require.NoError(t, err)
		again, err := decodeRecord(written)
		require.NoError(t, err)
		require.Equal(t, r.Result.Run, again.Result.Run)
		require.Equal(t, cleanResult(r.Result).Outcome, again.Result.Outcome)
	})
}
