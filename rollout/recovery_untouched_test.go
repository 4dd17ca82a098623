package rollout

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHealRegistersWhatWasNeverStoppedFirst: without an intent to stop, the old container serves, so an instance that
// cannot be reached over SSH is put back into its target groups all the same.
func TestHealRegistersWhatWasNeverStoppedFirst(t *testing.T) {
	for _, unreachable := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2)
			dead := leftOut(w)
			require.NoError(t, w.Deregister(t.Context(), dead.Entries[0].Targets))
			w.machines["i-1"].told = !unreachable
			if unreachable {
				w.fail("connect/i-1")
			}
			c := w.config()
			connect := c.Connect
			c.Connect = func(ctx context.Context, i Instance) (Host, error) {
				assert.Zero(t, w.targets[Target{groupA, "i-1", 8080}].draining, "looked at before it was registered")
				return connect(ctx, i)
			}
			result, err := w.do(func() (Result, error) { return Heal(t.Context(), c, dead) })
			require.NoError(t, err)
			assert.Equal(t, Healed, result.Outcome)
			assert.Equal(t, Restored, result.Instances[0].Outcome)
			w.requireServing("i-1", oldDigest)
			remarked := strings.Contains(strings.Join(result.Remarks, "\n"), "i-1: registered again without a look at it")
			assert.Equal(t, unreachable, remarked, result.Remarks)
			dead.Entries = append(dead.Entries, c.Journal.(*memoryJournal).Entries()...)
			assert.Empty(t, unrecovered(dead.Entries))
		})
	}
}

// TestHealDoesNotRegisterWhatMayBeStopped: an instance that the dead run may have stopped, and that cannot be reached,
// stays out.
func TestHealDoesNotRegisterWhatMayBeStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		dead := leftOut(w)
		dead.Entries = append(dead.Entries, Entry{Instance: "i-1", Step: StepStop, Mark: Begun})
		require.NoError(t, w.Deregister(t.Context(), dead.Entries[0].Targets))
		w.fail("connect/i-1")
		result, err := w.do(func() (Result, error) { return Heal(t.Context(), w.config(), dead) })
		require.ErrorIs(t, err, errFault)
		assert.Equal(t, Orphaned, result.Outcome)
		assert.NotZero(t, w.targets[Target{groupA, "i-1", 8080}].draining)
	})
}
