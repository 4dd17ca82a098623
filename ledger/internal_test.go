package ledger

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/growl-dev/deploy/rollout"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShortenIsOneShortLine(t *testing.T) {
	assert.Equal(t, "first", shorten("first\nsecond"))
	assert.Less(t, len(shorten(strings.Repeat("ü", 1000))), 510)
	assert.Equal(t, "ab", shorten("a\xffb"))
}

// What is accepted is written back as the same, and may be recorded again and retired. What is not is refused without a panic.
func FuzzDecodeDocument(f *testing.F) {
	f.Add([]byte(`{"version":2,"write":"a","service":"app","environment":"dev"}`))
	f.Add([]byte(`{"version":2,"write":"a","service":"app","environment":"dev","lease":{"id":"b","seconds":60,"run":"run-1","release":{"image":""},"began":"2026-01-02T03:04:05Z",` +
		`"journal":[{"time":"2026-01-02T03:04:05Z","instance":"i-1","step":"stop","mark":"begun","targets":[{"group":"g","instance":"i-1","port":80}],"new":"sha256:x"}]},` +
		`"unfinished":[{"run":"run-0","release":{"image":"x"},"began":"2026-01-02T03:04:05Z"}],"finished":[{"version":1,"result":{"run":"run-2"}}]}`))
	f.Add([]byte(`{"version":1,"write":"a","environment":"dev","unfinished":[{"run":"run-0","release":{"image":"x"},"began":"2026-01-02T03:04:05Z"}]}`))
	f.Add([]byte(`{"version":2,"write":"a","environment":"dev","moved":"app/dev"}`))
	f.Add([]byte(`{"version":3,"write":"a","service":"app","environment":"dev","unfinished":[{"run":"run-0","boot":"b","started":1,"job":"j","release":{"image":"x"},"began":"2026-01-02T03:04:05Z",` +
		`"journal":[{"time":"2026-01-02T03:04:05Z","instance":"i-1","step":"stop","mark":"begun","seconds":55}]}]}`))
	f.Add([]byte(`{"version":4}`))
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
			for _, e := range slices.Clone(d.Lease.Entries) {
				d.record(e)
			}
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

// TestAClosedInstanceIsInNoJournal: the journals of earlier runs lose it too, because it was healed.
func TestAClosedInstanceIsInNoJournal(t *testing.T) {
	entry := func(instance string, step rollout.StepName, mark rollout.Mark) rollout.Entry {
		return rollout.Entry{Instance: instance, Step: step, Mark: mark}
	}
	stopped := []rollout.Entry{entry("i-1", rollout.StepStop, rollout.Begun), entry("i-2", rollout.StepStop, rollout.Begun)}
	inherited := []Run{{Entries: stopped}}
	d := document{Lease: &lease{}, Unfinished: inherited}
	d.record(entry("i-1", rollout.StepRegister, rollout.Begun))
	d.record(entry("i-1", rollout.StepSettle, rollout.Done))
	assert.Equal(t, stopped[1:], d.Unfinished[0].Entries)
	assert.Equal(t, []rollout.Entry{entry("i-1", rollout.StepSettle, rollout.Done)}, d.Lease.Entries)
	assert.Len(t, inherited[0].Entries, 2, "what a lease inherited does not change")
}
