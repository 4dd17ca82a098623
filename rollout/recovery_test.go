package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mortal is a journal whose process is killed at one of its entries: from then
// on nothing that the process does reaches the journal or the world.
type mortal struct {
	memoryJournal
	w  *world
	mu sync.Mutex
	// left is how many entries are still written. written says whether the entry
	// at which the process dies is: an intent without its act, an act without its
	// outcome.
	left    int
	written bool
}

var errKilled = fmt.Errorf("killed: %w", ErrLost)

func (j *mortal) Record(ctx context.Context, e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.left--
	if j.left > 0 || j.left == 0 && j.written {
		_ = j.memoryJournal.Record(ctx, e)
	}
	if j.left > 0 {
		return nil
	}
	j.w.mu.Lock()
	j.w.dead = true
	j.w.mu.Unlock()
	return errKilled
}

// A run is killed at every entry of its journal; the next one heals, and then
// deploys. The scenarios are a good release, one that fails on an instance, and
// one that the load balancer never calls healthy there.
func TestHealAfterAKillAtEveryEntry(t *testing.T) {
	for scenario, prepare := range map[string]func(*world){
		"good release":      func(*world) {},
		"fails to start":    func(w *world) { w.faults["start/i-2"] = fault{err: errFault, times: 1} },
		"never healthy":     func(w *world) { w.machines["i-2"].healthOK = false },
		"stops very slowly": func(w *world) { w.machines["i-1"].grace = ActTimeout * 3 / 2 },
	} {
		t.Run(scenario, func(t *testing.T) {
			for _, written := range []bool{false, true} {
				for k := 1; ; k++ {
					if !killedAt(t, k, written, prepare) {
						break
					}
				}
			}
		})
	}
}

// killedAt runs one story; false when the run ended before its k-th entry.
func killedAt(t *testing.T, k int, written bool, prepare func(*world)) (killed bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		prepare(w)
		journal := &mortal{w: w, left: k, written: written}
		c := w.config()
		c.Journal = journal
		_, _ = w.run(t.Context(), c)
		if killed = w.dead; !killed {
			return
		}
		w.dead = false
		story := fmt.Sprintf("killed at entry %d, written %v", k, written)
		dead := UnfinishedRun{Run: "run-1", Release: c.Release, Entries: journal.Entries()}

		again := &memoryJournal{}
		next := w.config()
		next.ID, next.Journal = "run-2", again
		result, err := w.do(func() (Result, error) { return Heal(t.Context(), next, dead) })
		require.NoError(t, err, story)
		assert.Equal(t, Healed, result.Outcome, story)
		for _, id := range w.order {
			w.requireServing(id, w.machines[id].running)
		}
		dead.Entries = append(dead.Entries, again.Entries()...)
		assert.Empty(t, unrecovered(dead.Entries), story)

		w.faults = map[string]fault{}
		for _, m := range w.machines {
			m.healthOK, m.grace = true, 0
		}
		result, err = w.run(t.Context(), w.config())
		require.NoError(t, err, story)
		for _, id := range w.order {
			w.requireServing(id, newDigest)
		}
		assert.Contains(t, []Outcome{Deployed, UnchangedRun}, result.Outcome, story)
		assert.Zero(t, w.failed, "failed connections: "+story)
	})
	return killed
}

// Recovery is killed too, at every entry of its own; the next one finishes.
func TestHealAfterAKilledHeal(t *testing.T) {
	for k := 1; k <= 12; k++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			first := &mortal{w: w, left: 13, written: true} // prepares, deregister, drain: then stop's intent
			c := w.config()
			c.Journal = first
			_, _ = w.run(t.Context(), c)
			require.True(t, w.dead)
			entries := first.Entries()
			for _, left := range []int{k, 1000} {
				w.dead = false
				journal := &mortal{w: w, left: left}
				c.Journal = journal
				_, _ = w.do(func() (Result, error) {
					return Heal(t.Context(), c, UnfinishedRun{Run: "run-1", Release: c.Release, Entries: entries})
				})
				entries = append(entries, journal.Entries()...)
			}
			for _, id := range w.order {
				w.requireServing(id, w.machines[id].running)
			}
		})
	}
}

// TestHealClosesTheJournalAfterARefusedRegistration refuses one Register call of a recovery that finds i-1 with its old
// container, or with a new one that is proven. Its doubt ends, and the entry that closes the update is written.
func TestHealClosesTheJournalAfterARefusedRegistration(t *testing.T) {
	for _, proven := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2)
			dead := takenOutBefore(t, w)
			if proven {
				for _, step := range []StepName{StepDrain, StepStop, StepStart, StepProve} {
					e := dead.Entries[0]
					e.Step, e.Mark = step, Done
					dead.Entries = append(dead.Entries, e)
				}
				w.machines["i-1"].running, w.machines["i-1"].kept = newDigest, oldDigest
			}
			w.faults["register/i-1"] = fault{err: errFault, times: 1}
			c := w.config()
			result, err := w.do(func() (Result, error) { return Heal(t.Context(), c, dead) })
			require.NoError(t, err)
			assert.Equal(t, Healed, result.Outcome)
			assert.Empty(t, unrecovered(append(dead.Entries, c.Journal.(*memoryJournal).Entries()...)))
		})
	}
}

// TestTheLastLookOfRecoveryNamesWhatIsNotHealthyAnyMore stops the container of i-1 after that was put back.
func TestTheLastLookOfRecoveryNamesWhatIsNotHealthyAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		c.Observe = func(e Event) {
			if e.Instance == "i-1" && e.Kind == InstanceEnded {
				w.mu.Lock()
				w.machines["i-1"].running = ""
				w.mu.Unlock()
			}
		}
		dead := takenOutBefore(t, w)
		result, err := w.do(func() (Result, error) { return Heal(t.Context(), c, dead) })
		require.ErrorContains(t, err, "the load balancer does not call it healthy any more")
		assert.Equal(t, Orphaned, result.Outcome)
	})
}

// takenOutBefore is the journal of a run that died in the drain of i-1, after its deregistration was recorded as done.
func takenOutBefore(t *testing.T, w *world) UnfinishedRun {
	dead := leftOut(w)
	done := dead.Entries[0]
	done.Mark = Done
	dead.Entries = append(dead.Entries, done)
	require.NoError(t, w.Deregister(t.Context(), done.Targets))
	return dead
}

// TestRecoveryKeepsTheReleaseOfTheLastUpdate heals, deploys another release under the same lease, and is killed when i-1
// joined on that. The entry that closes what was healed was never written. The next recovery keeps the new container.
func TestRecoveryKeepsTheReleaseOfTheLastUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		dead := takenOutBefore(t, w)
		third := "sha256:" + strings.Repeat("3", 64)
		c := w.config()
		var journal []Entry
		c.Journal = recorder(func(_ context.Context, e Entry) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.dead = w.dead || e.Instance == "i-1" && e.Step == StepJoin && e.Mark == Done
			switch {
			case w.dead:
				return errKilled
			case e.Closes() && e.New != third:
				return nil
			}
			journal = Append(journal, e)
			return nil
		})
		_, err := w.do(func() (Result, error) { return Heal(t.Context(), c, dead) })
		require.NoError(t, err)
		c.Release = Release{Image: "repo/app@" + third}
		_, _ = w.run(t.Context(), c)
		require.True(t, w.dead)
		w.dead = false
		result, err := w.do(func() (Result, error) {
			return Heal(t.Context(), w.config(), UnfinishedRun{Run: "run-1", Release: c.Release, Entries: slices.Concat(dead.Entries, journal)})
		})
		require.NoError(t, err)
		assert.Equal(t, Updated, result.Instances[0].Outcome)
		w.requireServing("i-1", third)
		assert.Zero(t, w.failed)
	})
}

func TestHealSaysWhatItCannotReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		entries := []Entry{
			{Instance: "i-1", Step: StepDeregister, Mark: Begun, Targets: []Target{{groupA, "i-1", 8080}}, Old: oldDigest, New: newDigest},
			{Instance: "i-1", Step: StepStop, Mark: Begun},
			{Instance: "i-9", Step: StepDeregister, Mark: Begun, Old: oldDigest, New: newDigest},
		}
		w.fail("connect/i-1")
		result, err := Heal(t.Context(), w.config(), UnfinishedRun{Run: "run-0", Release: w.config().Release, Entries: entries})
		require.ErrorIs(t, err, errFault)
		assert.Equal(t, Orphaned, result.Outcome)
		assert.Contains(t, result.Remarks[0], "i-9 was being updated")
	})
}

// An instance that was not healthy before the run that died is registered again,
// and keeps no deploy from mending it.
func TestHealDoesNotWaitForHealthThatNeverWas(t *testing.T) {
	for _, unserved := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2)
			w.machines["i-1"].running, w.machines["i-1"].healthOK = newDigest, false
			targets := []Target{{groupA, "i-1", 8080}, {groupB, "i-1", 9090}}
			require.NoError(t, w.Deregister(t.Context(), targets))
			result, err := Heal(t.Context(), w.config(), UnfinishedRun{Run: "run-0", Release: w.config().Release, Entries: []Entry{
				{Instance: "i-1", Step: StepDeregister, Mark: Begun, Targets: targets, Old: newDigest, New: oldDigest, Unserved: unserved},
				{Instance: "i-1", Step: StepDeregister, Mark: Done, Targets: targets, Old: newDigest, New: oldDigest, Unserved: unserved},
			}})
			w.requireServing("i-1", newDigest)
			if unserved {
				require.NoError(t, err)
				assert.Equal(t, Healed, result.Outcome)
				return
			}
			require.ErrorContains(t, err, "not healthy after")
			assert.Equal(t, Orphaned, result.Outcome)
		})
	}
}

func TestHaltedRunRollsTheFleetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		w.fail("prove/i-4", "prove/i-5")
		c := w.config()
		c.Policy.Rollback = true
		result, err := w.run(t.Context(), c)
		require.ErrorIs(t, err, errFault)
		assert.Equal(t, RolledBack, result.Outcome)
		for _, id := range w.order {
			w.requireServing(id, oldDigest)
		}
		assert.Zero(t, w.failed)
	})
}

// What was not healthy before is no place to go back to, and an instance whose
// way back fails stays on the release, in service.
func TestRollbackGoesBackOnlyToWhatWasHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		w.fail("prove/i-4", "prove/i-5")
		w.machines["i-3"].running = "" // was down
		c := w.config()
		c.Policy.Rollback = true
		c.Observe = func(e Event) {
			if e.Instance == "i-2" && e.Step == StepSettle && e.Kind == StepDone {
				w.mu.Lock()
				w.fail("start/i-2")
				w.mu.Unlock()
			}
		}
		result, err := w.run(t.Context(), c)
		require.Error(t, err)
		assert.Equal(t, Mixed, result.Outcome)
		w.requireServing("i-3", newDigest)
		w.requireServing("i-2", newDigest)
		assert.Contains(t, result.Instances[1].Error, "roll back")
	})
}
