package rollout

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzHeal heals what no run wrote: whatever a journal says, recovery ends, and
// what it took up is in service.
func FuzzHeal(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0})                                     // deregister begun
	f.Add([]byte{0, 3, 0, 1, 0, 4, 1, 2})                         // stop begun without targets, start done
	f.Add([]byte{0, 8, 0, 0, 0, 1, 3, 0, 1, 7, 1, 3})             // settle begun, then deregister undoing
	f.Add([]byte{2, 6, 3, 5, 2, 1, 4, 5, 2, 7, 1, 9, 3, 1, 0, 0}) // another instance's, and one that is gone
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 200 {
			t.Skip("longer ones say no more")
		}
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			c := w.config()
			entries := nonsense(data)
			require.NoError(t, w.Deregister(t.Context(), []Target{{groupA, "i-1", 8080}, {groupB, "i-1", 9090}}))
			result, err := w.do(func() (Result, error) {
				return Heal(t.Context(), c, UnfinishedRun{Run: "by hand", Release: c.Release, Entries: entries})
			})
			require.NoError(t, err)
			assert.Equal(t, Healed, result.Outcome)
			states := unrecovered(entries)
			for _, id := range w.order {
				if len(states[id].targets) > 0 || id != "i-1" {
					w.requireServing(id, w.machines[id].running)
				}
				assert.NotEmpty(t, w.machines[id].running, id)
			}
		})
	})
}

// nonsense reads entries from bytes: instance, step, mark, and what is missing.
func nonsense(data []byte) (entries []Entry) {
	marks := []Mark{Begun, Done, Failed, Undoing, Undone}
	for ; len(data) >= 4; data = data[4:] {
		id := []string{"i-1", "i-2", "i-3", "i-9"}[data[0]%4]
		e := Entry{Instance: id, Step: Steps()[int(data[1])%len(Steps())], Mark: marks[int(data[2])%len(marks)]}
		if data[3]&1 == 0 {
			e.Targets = []Target{{groupA, id, 8080}, {groupB, id, 9090}}
		}
		e.Old, e.New = []string{"", oldDigest, newDigest}[data[3]/2%3], []string{newDigest, oldDigest, ""}[data[3]/8%3]
		entries = append(entries, e)
	}
	return entries
}
