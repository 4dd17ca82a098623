package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
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

// through is an instance's way through the first rows of the step table.
func through(instance string, rows int) (entries []rollout.Entry) {
	for _, step := range rollout.Steps()[:rows] {
		entries = append(entries, row(instance, step, rollout.Begun), row(instance, step, rollout.Done))
	}
	return entries
}

func TestCompactKeepsWhatRecoveryNeeds(t *testing.T) {
	all := slices.Concat(through("i-1", len(rollout.Steps())), through("i-2", 4))
	all = append(all, row("i-2", rollout.StepStart, rollout.Begun))
	done := []string{"i-1 settle done", "i-2 prepare done"}
	assert.Equal(t, slices.Concat(done, []string{
		"i-2 deregister begun", "i-2 deregister done", "i-2 drain done", "i-2 stop done", "i-2 start begun",
	}), spell(compact(all)))

	all = append(all, row("i-2", rollout.StepStart, rollout.Failed), row("i-2", rollout.StepStop, rollout.Undoing),
		row("i-2", rollout.StepStop, rollout.Undone), row("i-2", rollout.StepDeregister, rollout.Undone))
	restored := []string{"i-2 deregister undone"}
	assert.Equal(t, slices.Concat(done, restored), spell(compact(all)))

	// Taken again, as by a rollback of the whole fleet.
	again := append(compact(all), row("i-1", rollout.StepDeregister, rollout.Begun))
	assert.Equal(t, slices.Concat(done, restored, []string{"i-1 deregister begun"}), spell(compact(again)))
}

func TestCompactOneByOneIsCompactAtOnce(t *testing.T) {
	var all, grown []rollout.Entry
	for i := range 50 {
		for _, e := range through(fmt.Sprintf("i-%d", i), len(rollout.Steps())) {
			all = append(all, e)
			grown = compact(append(grown, e))
		}
	}
	assert.Equal(t, compact(all), grown)
	assert.Len(t, grown, 51, "bounded by the fleet, not by the steps")
	assert.Len(t, all, 900, "and what was given is left alone")
}

// What a living run writes is what encoding/json makes of the same document, also
// while the journal grows.
func TestALivingRunIsWrittenAsItIsRead(t *testing.T) {
	j := newJournal()
	held := lease{ID: "b", Seconds: 60, Run: Run{Holder: Holder{RunID: "run-1", Owner: `a "quoted" <name>`}, Began: time.Unix(0, 0).UTC()}}
	d := document{Format: documentVersion, Write: "w", Service: "app", Environment: "dev", Lease: &held, Finished: []json.RawMessage{json.RawMessage(`{"version":1,"result":{"run":"run-0"}}`)}}
	for _, e := range slices.Concat(through("i-1", 9), through("i-2", 4), through("i-3", 9)) {
		e.Error = `a "quoted" <text>`
		require.NoError(t, j.add(e))
		held.lines = j.lines()
		plain, whole := held, d
		plain.Run, plain.lines = held.run(), nil
		whole.Lease = &plain
		want, err := json.Marshal(whole)
		require.NoError(t, err)
		got, err := d.encode()
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got))
	}
}

// BenchmarkEncode is a write in the middle of a run across a large fleet, as it is
// and as encoding/json alone would do it.
func BenchmarkEncode(b *testing.B) {
	j := newJournal()
	for n := range 1000 {
		rows := len(rollout.Steps())
		if n%10 == 0 {
			rows = n / 10 % rows
		}
		for _, e := range through(fmt.Sprintf("i-%017d", n), rows) {
			require.NoError(b, j.add(e))
		}
	}
	held := lease{ID: "b", Seconds: 60, Run: Run{Holder: Holder{RunID: "run-1"}}, lines: j.lines()}
	d := document{Format: documentVersion, Write: "w", Service: "app", Environment: "dev", Lease: &held}
	b.Run("lines", func(b *testing.B) {
		for b.Loop() {
			held.lines = j.lines()
			_, err := d.encode()
			require.NoError(b, err)
		}
	})
	b.Run("json", func(b *testing.B) {
		plain := held
		plain.Run, plain.lines = held.run(), nil
		whole := d
		whole.Lease = &plain
		for b.Loop() {
			plain.Entries = compact(plain.Entries)
			_, err := json.Marshal(whole)
			require.NoError(b, err)
		}
	})
}

func TestShortenIsOneShortLine(t *testing.T) {
	assert.Equal(t, "first", shorten("first\nsecond"))
	assert.Less(t, len(shorten(strings.Repeat("ü", 1000))), 510)
	assert.Equal(t, "ab", shorten("a\xffb"))
}

// Whatever is accepted is written back as the same, and may be retired and
// compacted; whatever is not is refused without a panic.
func FuzzDecodeDocument(f *testing.F) {
	f.Add([]byte(`{"version":2,"write":"a","service":"app","environment":"dev"}`))
	f.Add([]byte(`{"version":2,"write":"a","service":"app","environment":"dev","lease":{"id":"b","seconds":60,"run":"run-1","release":{"image":""},"began":"2026-01-02T03:04:05Z",` +
		`"journal":[{"time":"2026-01-02T03:04:05Z","instance":"i-1","step":"stop","mark":"begun","targets":[{"group":"g","instance":"i-1","port":80}],"new":"sha256:x"}]},` +
		`"unfinished":[{"run":"run-0","release":{"image":"x"},"began":"2026-01-02T03:04:05Z"}],"finished":[{"version":1,"result":{"run":"run-2"}}]}`))
	f.Add([]byte(`{"version":1,"write":"a","environment":"dev","unfinished":[{"run":"run-0","release":{"image":"x"},"began":"2026-01-02T03:04:05Z"}]}`))
	f.Add([]byte(`{"version":2,"write":"a","environment":"dev","moved":"app/dev"}`))
	f.Add([]byte(`{"version":3}`))
	f.Add([]byte(`{"version":1,"lease":{}}`))
	f.Add([]byte(`[{"version":1}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		k := key{"app", "dev"}
		d, err := decodeDocument(data, k)
		if err != nil {
			k = key{environment: "dev"}
			d, err = decodeDocument(data, k)
		}
		if err != nil {
			return
		}
		written, err := json.Marshal(d)
		require.NoError(t, err)
		again, err := decodeDocument(written, k)
		require.NoError(t, err)
		rewritten, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(written), string(rewritten))
		if d.Lease != nil {
			d.Lease.Entries = compact(d.Lease.Entries)
		}
		d.retire()
		require.Nil(t, d.Lease)
		require.NoError(t, d.check(k))
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
