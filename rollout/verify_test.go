package rollout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lateLeave is a fleet of three whose first deregistration is answered with an
// error and applied long after the instance was put back. back is called when
// it is back.
func lateLeave(t *testing.T, back func()) (*world, *memoryJournal, Config) {
	w := newWorld(t, 3)
	w.faults["deregister/i-1"] = fault{err: errFault, late: 50 * time.Second, times: 1}
	journal, c := &memoryJournal{}, w.config()
	c.Journal = journal
	c.Observe = func(e Event) {
		if e.Step == StepDeregister && e.Kind == UndoDone {
			back()
		}
	}
	return w, journal, c
}

// The journal names an instance until a failed call can no longer be applied.
func TestTheJournalKeepsAnInstanceInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var journal *memoryJournal
		seen := false
		w, journal, c := lateLeave(t, func() {
			seen = true
			assert.Contains(t, unrecovered(journal.Entries()), "i-1")
		})
		result, err := w.run(t.Context(), c)
		require.Error(t, err)
		assert.True(t, seen)
		assert.False(t, result.InDoubt)
		assert.Empty(t, unrecovered(journal.Entries()))
		w.requireServing("i-1", oldDigest)
	})
}

// A run that is broken off does not wait for the doubt to end: recovery does,
// and one that is broken off too leaves it to the next.
func TestRecoveryInheritsADoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w, journal, c := lateLeave(t, cancel)
		began := time.Now()
		result, err := w.run(ctx, c)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, Interrupted, result.Outcome)
		assert.True(t, result.InDoubt)
		assert.Less(t, time.Since(began), 30*time.Second)

		dead := UnfinishedRun{Run: c.ID, Release: c.Release, Entries: journal.Entries()}
		c.Observe = nil
		result, err = Heal(ctx, c, dead)
		require.Error(t, err)
		assert.NotEqual(t, Healed, result.Outcome)

		dead.Entries = journal.Entries()
		result, err = w.do(func() (Result, error) { return Heal(t.Context(), c, dead) })
		require.NoError(t, err)
		assert.Equal(t, Healed, result.Outcome)
		assert.Empty(t, unrecovered(journal.Entries()))
		w.requireServing("i-1", oldDigest)
		assert.Zero(t, w.failed)
	})
}

// What is not closed in the journal is said, and not called healed.
func TestADoubtThatCannotBeClosedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, journal, c := lateLeave(t, func() {})
		c.Journal = recorder(func(ctx context.Context, e Entry) error {
			if e.Closes() && e.Instance == "i-1" {
				return errFault
			}
			return journal.Record(ctx, e)
		})
		result, err := w.run(t.Context(), c)
		require.Error(t, err)
		assert.True(t, result.InDoubt)
		assert.Contains(t, unrecovered(journal.Entries()), "i-1")
		w.requireServing("i-1", oldDigest)
	})
}
