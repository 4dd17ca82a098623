package ledger_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

// intent is an entry before an act that must have been sent within a time.
func intent(instance string, step rollout.StepName, within time.Duration) rollout.Entry {
	e := entry(instance, step, rollout.Begun)
	e.Seconds = int(within.Seconds())
	return e
}

// TestALeaseIsNotTakenBeforeItsEnd takes the lease of a run that died as soon as possible. The store shows whole seconds.
func TestALeaseIsNotTakenBeforeItsEnd(t *testing.T) {
	for _, fraction := range []time.Duration{0, 10 * time.Millisecond, 500 * time.Millisecond, 990 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(fraction)
			store := &ledgertest.Memory{}
			life := &process{Store: store}
			acquire(t, life, "run-1")
			written := time.Now()
			life.killed.Store(true)
			for {
				lease, err := open(t, store).Acquire(t.Context(), holder("run-2"))
				if err == nil {
					require.NoError(t, lease.Release(t.Context()))
					break
				}
				require.ErrorAs(t, err, new(*ledger.HeldError))
				time.Sleep(10 * time.Millisecond)
			}
			assert.GreaterOrEqual(t, time.Since(written), time.Minute)
			assert.LessOrEqual(t, time.Since(written), leaseEnds)
		})
	}
}

// TestRecoveryWaitsForTheActsOfTheRunBefore ends a run in each way after it recorded an intent. Until its act must have
// been sent, no other run may act.
func TestRecoveryWaitsForTheActsOfTheRunBefore(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, store *ledgertest.Memory, life *process, lease *ledger.Lease){
		"it was unlocked": func(t *testing.T, store *ledgertest.Memory, _ *process, _ *ledger.Lease) {
			require.NoError(t, open(t, store).Unlock(t.Context(), "run-1"))
		},
		"it gave the lease back": func(t *testing.T, _ *ledgertest.Memory, _ *process, lease *ledger.Lease) {
			require.NoError(t, lease.Release(t.Context()))
		},
		"its lease ended": func(_ *testing.T, _ *ledgertest.Memory, life *process, _ *ledger.Lease) {
			life.killed.Store(true)
			time.Sleep(leaseEnds)
		},
		"a recovery was unlocked, too": func(t *testing.T, store *ledgertest.Memory, _ *process, _ *ledger.Lease) {
			require.NoError(t, open(t, store).Unlock(t.Context(), "run-1"))
			time.Sleep(10 * time.Second)
			acquire(t, store, "run-2")
			require.NoError(t, open(t, store).Unlock(t.Context(), "run-2"))
		},
	} {
		for _, pause := range []time.Duration{0, 990 * time.Millisecond, 15 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(pause / 7)
				store := &ledgertest.Memory{}
				life := &process{Store: store}
				lease := acquire(t, life, "run-1")
				sent := time.Now()
				require.NoError(t, lease.Record(t.Context(), intent("i-1", rollout.StepStop, 55*time.Second)))
				require.NoError(t, lease.Record(t.Context(), intent("i-2", rollout.StepStop, 20*time.Second)))
				time.Sleep(pause)
				end(t, store, life, lease)
				ended := time.Now()

				left := acquire(t, store, "run-last").Unfinished()
				assert.Equal(t, "run-1", left.Run)
				assert.Equal(t, release(1), left.Release)
				assert.Len(t, left.Entries, 2)
				assert.False(t, left.Written.Before(sent), "an entry is younger")
				assert.LessOrEqual(t, left.Written.Sub(ended), 3*time.Second, name)
				if name == "its lease ended" {
					assert.Zero(t, left.ActsUntil)
					return
				}
				assert.GreaterOrEqual(t, left.ActsUntil.Sub(sent), 55*time.Second, name)
				assert.LessOrEqual(t, left.ActsUntil.Sub(ended), 58*time.Second, name)
			})
		}
	}
}

func TestNothingIsWaitedForIfNoActIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		lease := acquire(t, store, "run-1")
		require.NoError(t, lease.Record(t.Context(), intent("i-1", rollout.StepStop, 55*time.Second)))
		require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepStop, rollout.Done)))
		require.NoError(t, lease.Record(t.Context(), intent("i-2", rollout.StepStop, 55*time.Second)))
		require.NoError(t, lease.Record(t.Context(), entry("i-2", rollout.StepDeregister, rollout.Undone)))
		require.NoError(t, lease.Record(t.Context(), entry("i-3", rollout.StepPrepare, rollout.Begun)))
		require.NoError(t, lease.Release(t.Context()))
		left := acquire(t, store, "run-2").Unfinished()
		assert.Zero(t, left.ActsUntil)
		assert.NotEmpty(t, left.Entries)
		assert.Zero(t, acquire(t, &ledgertest.Memory{}, "run-1").Unfinished())
	})
}

// TestAJournalWithoutDurationsIsWaitedForLonger reads what a program of version 2 left. The first write is of version 3.
func TestAJournalWithoutDurationsIsWaitedForLonger(t *testing.T) {
	for name, after := range map[string]time.Duration{"at once": leaseEnds, "later": 200 * time.Second, "long after": time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			store := &ledgertest.Memory{}
			store.Overwrite("app/dev/current", []byte(strings.Replace(written(t), `"version":3`, `"version":2`, 1)))
			sent := time.Now()
			_, err := open(t, store).Acquire(t.Context(), holder("run-2"))
			require.ErrorAs(t, err, new(*ledger.HeldError), name)
			time.Sleep(after)
			next := acquire(t, store, "run-2")
			left := next.Unfinished()
			assert.Len(t, left.Entries, 1, name)
			if name == "long after" {
				assert.Zero(t, left.ActsUntil)
			} else {
				assert.Equal(t, 302*time.Second, left.ActsUntil.Sub(sent), name)
			}
			assert.Contains(t, string(store.Read("app/dev/current")), `"version":3`, name)
			require.NoError(t, next.Release(t.Context()))
			assert.Len(t, acquire(t, store, "run-3").Unfinished().Entries, 1, name)
		})
	}
}

// TestTheNextRunKnowsWhenTargetsWereRegistered: the load balancer may not route to them yet.
func TestTheNextRunKnowsWhenTargetsWereRegistered(t *testing.T) {
	finish := func(t *testing.T, _ *process, lease *ledger.Lease) {
		require.NoError(t, lease.Finish(t.Context(), result("run-1", rollout.Deployed, 1)))
	}
	const none = -time.Hour
	for name, row := range map[string]struct {
		entries []rollout.Entry
		end     func(*testing.T, *process, *ledger.Lease)
		want    time.Duration // after the entries were recorded
	}{
		"it registered":           {[]rollout.Entry{entry("i-1", rollout.StepRegister, rollout.Done)}, finish, 0},
		"it registered again":     {[]rollout.Entry{entry("i-1", rollout.StepDeregister, rollout.Undone)}, finish, 0},
		"it tried to register":    {[]rollout.Entry{entry("i-1", rollout.StepRegister, rollout.Failed)}, finish, 0},
		"it registered nothing":   {[]rollout.Entry{entry("i-1", rollout.StepPrepare, rollout.Done)}, finish, none},
		"it gave the lease back":  {[]rollout.Entry{entry("i-1", rollout.StepStop, rollout.Begun)}, func(t *testing.T, _ *process, l *ledger.Lease) { require.NoError(t, l.Release(t.Context())) }, 95 * time.Second},
		"it died, having renewed": {[]rollout.Entry{entry("i-1", rollout.StepStop, rollout.Begun)}, func(_ *testing.T, life *process, _ *ledger.Lease) { life.killed.Store(true) }, 80 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(700 * time.Millisecond)
				store := &ledgertest.Memory{}
				life := &process{Store: store}
				lease := acquire(t, life, "run-1")
				assert.Zero(t, lease.RegisteredUntil())
				for _, e := range row.entries {
					require.NoError(t, lease.Record(t.Context(), e))
				}
				recorded := time.Now()
				time.Sleep(95 * time.Second)
				row.end(t, life, lease)
				for range 2 { // and the run after the next, which does nothing
					time.Sleep(leaseEnds)
					next := acquire(t, store, "run-next")
					if row.want == none {
						assert.Zero(t, next.RegisteredUntil())
					} else {
						assert.InDelta(t, row.want.Seconds(), next.RegisteredUntil().Sub(recorded).Seconds(), 1.5)
						assert.False(t, next.RegisteredUntil().Before(recorded))
					}
					require.NoError(t, next.Healed(t.Context()))
					require.NoError(t, next.Finish(t.Context(), result("run-next", rollout.UnchangedRun, 1)))
				}
			})
		})
	}
}

// TestAStoresClockThatIsSetBack delays no run for longer than what was registered just now.
func TestAStoresClockThatIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		lease := acquire(t, store, "run-1")
		require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepRegister, rollout.Done)))
		require.NoError(t, lease.Finish(t.Context(), result("run-1", rollout.Deployed, 1)))
		store.Skew(-time.Hour)
		assert.Equal(t, time.Second, time.Until(acquire(t, store, "run-2").RegisteredUntil()))
	})
}
