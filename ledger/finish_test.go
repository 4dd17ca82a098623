package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

// finish runs a whole run that ends with an outcome.
func finish(t *testing.T, store ledger.Store, run string, outcome rollout.Outcome, n int) {
	t.Helper()
	lease := acquire(t, store, run)
	require.NoError(t, lease.Finish(t.Context(), result(run, outcome, n)))
}

func history(t *testing.T, store ledger.Store) []string {
	t.Helper()
	records, err := open(t, store).History(t.Context(), 100)
	require.NoError(t, err)
	var runs []string
	for _, r := range records {
		runs = append(runs, r.Result.Run)
	}
	return runs
}

func TestAFinishedRunIsHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		lease := acquire(t, store, "run-1")
		require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepSettle, rollout.Done)))
		require.ErrorContains(t, lease.Finish(t.Context(), result("run-9", rollout.Deployed, 1)), `the result is of run "run-9"`)
		want := result("run-1", rollout.Deployed, 1)
		for range 3 {
			require.NoError(t, lease.Finish(t.Context(), want), "again and again")
		}
		require.ErrorIs(t, lease.Record(t.Context(), entry("i-1", rollout.StepDrain, rollout.Begun)), ledger.ErrReleased)
		select {
		case <-lease.Lost():
			t.Error("a lease that was given back is not lost")
		default:
		}

		record, err := open(t, store).Find(t.Context(), "run-1")
		require.NoError(t, err)
		assert.Equal(t, ledger.Record{Holder: holder("run-1"), Began: record.Began, Result: want}, record)
		status, err := open(t, store).Current(t.Context())
		require.NoError(t, err)
		assert.Nil(t, status.Lease)
		assert.False(t, status.Running())
		assert.Empty(t, status.Unfinished)
		_, err = open(t, store).Find(t.Context(), "run-2")
		require.ErrorIs(t, err, ledger.ErrNotFound)
		assert.Empty(t, acquire(t, store, "run-2").Inherited())
	})
}

// The process is killed before each of its calls to the store in turn: the run is
// either unfinished or in the history, never both, never neither.
func TestFinishKilledAtEveryWrite(t *testing.T) {
	for after := range 6 {
		synctest.Test(t, func(t *testing.T) {
			store := &ledgertest.Memory{}
			first := &process{Store: store}
			lease := acquire(t, first, "run-1")
			require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepSettle, rollout.Done)))
			calls := 0
			store.Fault = func(ledgertest.Call) ledgertest.Fault {
				if calls++; calls > after {
					first.killed.Store(true)
					return ledgertest.Throttled()
				}
				return ledgertest.Fault{}
			}
			err := lease.Finish(t.Context(), result("run-1", rollout.Deployed, 1))
			first.killed.Store(true)
			time.Sleep(2 * time.Minute)
			store.Fault = nil

			seen := history(t, store)
			next := acquire(t, store, "run-2")
			if after == 0 {
				require.Error(t, err)
				assert.Empty(t, seen)
				require.Len(t, next.Inherited(), 1)
				assert.Equal(t, "run-1", next.Inherited()[0].RunID)
			} else {
				assert.Equal(t, []string{"run-1"}, seen, "also before it is filed")
				assert.Empty(t, next.Inherited())
			}
			require.NoError(t, next.Finish(t.Context(), result("run-2", rollout.Deployed, 2)))
			if after > 0 {
				assert.Equal(t, []string{"run-2", "run-1"}, history(t, store))
			}
		})
	}
}

// The last answer is lost and the next run comes before it can be asked for.
func TestFinishThatTheNextRunFiled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		slow := &process{Store: store}
		lease := acquire(t, slow, "run-1")
		store.Fault = puts("app/dev/current", func(n int) ledgertest.Fault {
			if n == 1 {
				return ledgertest.Lost()
			}
			return ledgertest.Fault{}
		})
		finished := make(chan error)
		go func() { finished <- lease.Finish(t.Context(), result("run-1", rollout.Deployed, 1)) }()
		synctest.Wait() // it waits before it asks again
		next := acquire(t, store, "run-2")
		assert.Equal(t, []string{"run-1"}, history(t, store))
		require.NoError(t, <-finished)
		require.NoError(t, next.Release(t.Context()))
	})
}

func TestFinishIsFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		lease := acquire(t, store, "run-1")
		require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepStop, rollout.Begun)))
		require.NoError(t, open(t, store).Unlock(t.Context(), "run-1"))
		next := acquire(t, store, "run-2")
		require.ErrorIs(t, lease.Finish(t.Context(), result("run-1", rollout.Deployed, 1)), ledger.ErrLost)
		assert.Empty(t, history(t, store))
		assert.Len(t, next.Inherited(), 1)
		require.NoError(t, next.Release(t.Context()))
	})
}

// A result that cannot be filed keeps the next run out, in one clear line; when
// it can be again, nothing is missing.
func TestHistoryThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{Fault: puts("app/dev/history/run-1", func(n int) ledgertest.Fault {
			if n <= 2 {
				return ledgertest.Denied()
			}
			return ledgertest.Fault{}
		})}
		lease := acquire(t, store, "run-1")
		require.ErrorContains(t, lease.Finish(t.Context(), result("run-1", rollout.Deployed, 1)),
			"finish run run-1: write memory://app/dev/history/run-1: the store denies access")
		_, err := open(t, store).Acquire(t.Context(), holder("run-2"))
		require.ErrorIs(t, err, ledger.ErrDenied)
		require.NoError(t, lease.Finish(t.Context(), result("run-1", rollout.Deployed, 1)))
		require.NoError(t, acquire(t, store, "run-2").Release(t.Context()))
		assert.Equal(t, []string{"run-1"}, history(t, store))
	})
}

func TestFinishAfterReleaseIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lease := acquire(t, &ledgertest.Memory{}, "run-1")
		require.NoError(t, lease.Release(t.Context()))
		require.NoError(t, lease.Release(t.Context()))
		require.ErrorIs(t, lease.Finish(t.Context(), result("run-1", rollout.Deployed, 1)), ledger.ErrReleased)
	})
}

func TestFinishGoesOnAfterItsCallerGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		lease := acquire(t, store, "run-1")
		store.Fault = always(ledgertest.Fault{Slow: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, lease.Finish(ctx, result("run-1", rollout.Deployed, 1)), context.DeadlineExceeded)
		require.NoError(t, lease.Finish(t.Context(), result("run-1", rollout.Deployed, 1)))
		assert.Equal(t, []string{"run-1"}, history(t, store))
	})
}

func TestHealedRunsGoIntoTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		for _, run := range []string{"run-1", "run-2"} {
			dies := &process{Store: store}
			lease := acquire(t, dies, run)
			require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepStop, rollout.Begun)))
			dies.killed.Store(true)
			time.Sleep(leaseEnds)
		}
		lease := acquire(t, store, "run-3")
		require.Len(t, lease.Inherited(), 2)
		known := result("run-1", rollout.RolledBack, 1)
		for range 2 {
			require.NoError(t, lease.Healed(t.Context(), known), "again and again")
		}
		status, err := open(t, store).Current(t.Context())
		require.NoError(t, err)
		assert.Empty(t, status.Unfinished)
		require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepDrain, rollout.Begun)), "the lease is kept")
		require.NoError(t, lease.Finish(t.Context(), result("run-3", rollout.Deployed, 1)))

		record, err := open(t, store).Find(t.Context(), "run-1")
		require.NoError(t, err)
		assert.Equal(t, known, record.Result)
		record, err = open(t, store).Find(t.Context(), "run-2")
		require.NoError(t, err)
		assert.Equal(t, rollout.Interrupted, record.Result.Outcome)
		assert.Equal(t, "ended without a result, healed by run run-3", record.Result.Error)
		assert.Len(t, history(t, store), 3)
	})
}

func TestKilledRecoveriesDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		for i := range 40 {
			dies := &process{Store: store}
			lease := acquire(t, dies, fmt.Sprintf("run-%02d", i))
			for _, step := range rollout.Steps()[:5] {
				require.NoError(t, lease.Record(t.Context(), entry("i-1", step, rollout.Begun)))
			}
			dies.killed.Store(true)
			time.Sleep(leaseEnds)
		}
		lease := acquire(t, store, "run-last")
		assert.Len(t, lease.Inherited(), 16)
		assert.Equal(t, "run-00", lease.Inherited()[0].RunID, "who knows what was there before")
		assert.Len(t, lease.Inherited()[1].Entries, 5, "merged: the latest of each step since the update began")
		assert.Less(t, len(store.Read("app/dev/current")), 64<<10)
		require.NoError(t, lease.Release(t.Context()))
	})
}

func TestUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		book := open(t, store)
		require.NoError(t, book.Unlock(t.Context(), ""), "nobody holds it")
		lease := acquire(t, store, "run-1")
		require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepStop, rollout.Begun)))
		require.ErrorAs(t, book.Unlock(t.Context(), ""), new(*ledger.HeldError), "a living one")
		require.ErrorContains(t, book.Unlock(t.Context(), "run-2"), `the lease is not run "run-2"'s but run run-1 of ann`)
		require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepStart, rollout.Begun)), "still held")

		require.NoError(t, book.Unlock(t.Context(), "run-1"))
		status, err := book.Current(t.Context())
		require.NoError(t, err)
		assert.Nil(t, status.Lease)
		assert.Len(t, status.Unfinished, 1)
		require.ErrorIs(t, lease.Record(t.Context(), entry("i-1", rollout.StepStart, rollout.Done)), ledger.ErrLost)

		dies := &process{Store: store}
		acquire(t, dies, "run-2")
		dies.killed.Store(true)
		time.Sleep(leaseEnds)
		require.ErrorContains(t, book.Unlock(t.Context(), "run-1"), `not run "run-1"'s`, "ended, but another's")
		require.NoError(t, book.Unlock(t.Context(), ""))
	})
}

func TestHistoryIsTheLatestFirstByTheStoresClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		for _, run := range []string{"run-3", "run-1", "run-2"} {
			finish(t, store, run, rollout.Deployed, 1)
			time.Sleep(time.Second)
		}
		assert.Equal(t, []string{"run-2", "run-1", "run-3"}, history(t, store))
		records, err := open(t, store).History(t.Context(), 1)
		require.NoError(t, err)
		assert.Len(t, records, 1)
	})
}

func TestGoodMeansTheWholeFleet(t *testing.T) {
	whole := result("run-1", rollout.Deployed, 1)
	assert.True(t, ledger.Record{Result: whole}.Good())
	whole.Instances = append(whole.Instances, rollout.InstanceResult{ID: "i-2", Outcome: rollout.Pending, Release: release(0).Digest()})
	assert.False(t, ledger.Record{Result: whole}.Good())
	assert.False(t, ledger.Record{}.Good())
}
