package rollout

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// terraform replaces a machine: the old one is gone, its registrations too, and
// the new one is registered and boots for a while.
func (w *world) terraform(old, successor string, boot time.Duration) func(context.Context) (Instance, error) {
	return func(context.Context) (Instance, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		m := &machine{id: successor, zone: w.machines[old].zone, source: ServiceCount, healthOK: true}
		w.machines[successor] = m
		for _, target := range []Target{{groupA, old, 8080}, {groupB, old, 9090}} {
			delete(w.targets, target)
			target.Instance = successor
			w.targets[target] = &membership{since: time.Now()}
		}
		time.AfterFunc(boot, func() { w.mu.Lock(); m.running = oldDigest; w.mu.Unlock() })
		return Instance{ID: successor, Zone: m.zone, Address: successor}, nil
	}
}

func TestReplaceDrainsAndJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		result, err := w.do(func() (Result, error) {
			return Replace(t.Context(), w.config(), "i-2", w.terraform("i-2", "i-4", 4*time.Minute))
		})
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.Equal(t, "i-4", result.Instances[1].ID)
		assert.Zero(t, w.failed)
		w.requireServing("i-4", oldDigest)
	})
}

func TestReplaceOfAnInstanceThatCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.fail("connect/i-2")
		_, err := w.do(func() (Result, error) {
			return Replace(t.Context(), w.config(), "i-2", w.terraform("i-2", "i-4", time.Minute))
		})
		require.NoError(t, err)
		assert.Zero(t, w.failed)
	})
}

func TestReplaceUndoesWhatFailsBeforeTheApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.faults["deregister/i-2"] = fault{err: errFault, acts: true, times: 1}
		result, err := w.do(func() (Result, error) {
			return Replace(t.Context(), w.config(), "i-2", func(context.Context) (Instance, error) {
				t.Error("applied")
				return Instance{}, nil
			})
		})
		require.ErrorIs(t, err, errFault)
		assert.Equal(t, RolledBack, result.Outcome)
		w.requireServing("i-2", oldDigest)
	})
}

func TestReplacePutsTheOldInstanceBackWhenTheApplyFails(t *testing.T) {
	for name, leaves := range map[string]bool{"at once": false, "with the registrations gone": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				journal := &memoryJournal{}
				c := w.config()
				c.Journal = journal
				result, err := w.do(func() (Result, error) {
					return Replace(t.Context(), c, "i-2", func(context.Context) (Instance, error) {
						if leaves {
							w.mu.Lock()
							defer w.mu.Unlock()
							delete(w.targets, Target{groupA, "i-2", 8080})
							delete(w.targets, Target{groupB, "i-2", 9090})
						}
						return Instance{}, errFault
					})
				})
				require.ErrorIs(t, err, errFault)
				assert.Equal(t, RolledBack, result.Outcome)
				assert.Equal(t, Restored, result.Instances[1].Outcome)
				assert.Empty(t, unrecovered(journal.Entries()))
				assert.Zero(t, w.failed)
				w.requireServing("i-2", oldDigest)
			})
		})
	}
}

func TestReplaceSaysThatTheOldInstanceIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		result, err := w.do(func() (Result, error) {
			return Replace(t.Context(), w.config(), "i-2", func(context.Context) (Instance, error) {
				return Instance{}, fmt.Errorf("%w: %w", ErrGone, errFault)
			})
		})
		require.ErrorIs(t, err, errFault)
		assert.Equal(t, Orphaned, result.Outcome)
		_, err = Replace(t.Context(), w.config(), "i-9", nil)
		assert.ErrorContains(t, err, "not in the fleet")
	})
}

// A replacement is killed at every entry of its journal; what it took out before
// Terraform was asked is put back, by a command that knows of no release.
func TestHealAfterAReplacementIsKilled(t *testing.T) {
	for _, written := range []bool{false, true} {
		for k := 1; killedReplacing(t, k, written); k++ {
		}
	}
}

// killedReplacing tells one story; false when the replacement ended before its
// k-th entry.
func killedReplacing(t *testing.T, k int, written bool) (killed bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		journal := &mortal{w: w, left: k, written: written}
		c := w.config()
		c.Journal, c.Release = journal, Release{}
		_, _ = w.do(func() (Result, error) {
			return Replace(t.Context(), c, "i-2", w.terraform("i-2", "i-4", time.Minute))
		})
		if killed = w.dead; !killed {
			return
		}
		w.dead = false
		next := w.config()
		next.ID, next.Release = "run-2", Release{}
		result, err := w.do(func() (Result, error) {
			return Heal(t.Context(), next, UnfinishedRun{Run: "run-1", Entries: journal.Entries()})
		})
		require.NoError(t, err, "killed at entry %d, written %v", k, written)
		assert.Equal(t, Healed, result.Outcome)
		for _, id := range w.order {
			w.requireServing(id, oldDigest)
		}
		assert.Zero(t, w.failed)
	})
	return killed
}

// TestHealAfterAKilledReplacementRegistersOnThePortsOfBefore, which need not be the groups' default ports.
func TestHealAfterAKilledReplacementRegistersOnThePortsOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.leaveGroupB()
		move(w, "i-2", 9000)
		journal := &mortal{w: w, left: 3, written: true} // deregistered, and the drain begins
		c := w.config()
		c.Journal, c.Release = journal, Release{}
		_, _ = w.do(func() (Result, error) {
			return Replace(t.Context(), c, "i-2", w.terraform("i-2", "i-4", time.Minute))
		})
		require.True(t, w.dead)
		w.dead = false
		_, err := w.do(func() (Result, error) {
			return Heal(t.Context(), w.config(), UnfinishedRun{Run: "run-1", Entries: journal.Entries()})
		})
		require.NoError(t, err)
		assert.True(t, registered(w, Target{groupA, "i-2", 9000}))
		assert.False(t, registered(w, Target{groupA, "i-2", 8080}))
	})
}
