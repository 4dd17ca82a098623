package ledger_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

func TestLostAnswersAreNoLostLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := func(int) ledgertest.Fault { return ledgertest.Lost() }
		store := &ledgertest.Memory{Fault: func(c ledgertest.Call) ledgertest.Fault {
			return puts(c.Key, lost)(c) // no write is ever answered
		}}
		lease := acquire(t, store, "run-1")
		for range 10 {
			require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepDrain, rollout.Begun)))
			time.Sleep(time.Minute)
		}
		require.NoError(t, lease.Finish(t.Context(), result("run-1", rollout.Deployed, 1)))
		require.ErrorIs(t, lease.Err(), ledger.ErrReleased)
		history, err := open(t, store).History(t.Context(), 10)
		require.NoError(t, err)
		assert.Len(t, history, 1)
	})
}

// The longest act of an intent, counted from before it was recorded, has been sent before the lease ends, however late the
// response of the store was.
func TestAnActIsSentBeforeTheLeaseEnds(t *testing.T) {
	for _, slow := range []time.Duration{0, 4900 * time.Millisecond, 6 * time.Second, 20 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			store := &ledgertest.Memory{}
			lease := acquire(t, store, "run-1")
			store.Fault = puts("app/dev/current", func(n int) ledgertest.Fault {
				if n == 1 {
					return ledgertest.Fault{Slow: slow} // applied at once
				}
				return ledgertest.Fault{}
			})
			began := time.Now()
			require.NoError(t, lease.Record(t.Context(), intent("i-1", rollout.StepStop, longestAct)))
			status, err := open(t, store).Current(t.Context())
			require.NoError(t, err)
			assert.GreaterOrEqual(t, status.Lease.Ends.Sub(status.Now), longestAct-time.Since(began))
		})
	}
}

// A write that lands long after its caller gave up takes nothing back.
func TestLateWritesChangeNothing(t *testing.T) {
	for _, late := range []time.Duration{50 * time.Millisecond, 3 * time.Second, 30 * time.Second, 2 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			store := &ledgertest.Memory{Fault: puts("app/dev/current", func(n int) ledgertest.Fault {
				if n%2 == 1 {
					return ledgertest.Late(late)
				}
				return ledgertest.Fault{}
			})}
			lease := acquire(t, store, "run-1")
			steps := rollout.Steps()
			for _, step := range steps {
				require.NoError(t, lease.Record(t.Context(), entry("i-1", step, rollout.Begun)))
			}
			require.NoError(t, lease.Release(t.Context()))
			time.Sleep(3 * time.Minute)
			next := acquire(t, store, "run-2")
			require.Len(t, next.Inherited(), 1)
			assert.Len(t, next.Inherited()[0].Entries, len(steps))
			require.NoError(t, next.Release(t.Context()))
		})
	}
}

func TestAThrottledStoreIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttled := time.Time{}
		store := &ledgertest.Memory{Fault: func(ledgertest.Call) ledgertest.Fault {
			if time.Now().Before(throttled) {
				return ledgertest.Throttled()
			}
			return ledgertest.Fault{}
		}}
		lease := acquire(t, store, "run-1")
		throttled = time.Now().Add(30 * time.Second)
		began := time.Now()
		require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepDrain, rollout.Begun)))
		assert.Less(t, time.Since(began), 36*time.Second)
		require.NoError(t, lease.Release(t.Context()))
	})
}

func TestAStoreThatIsGoneEndsTheLeaseInTime(t *testing.T) {
	for name, fault := range map[string]ledgertest.Fault{
		"throttled": ledgertest.Throttled(), "read-only": ledgertest.Denied(),
		"missing": ledgertest.Missing(), "silent": {Slow: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var broken atomic.Bool
				store := &ledgertest.Memory{Fault: func(ledgertest.Call) ledgertest.Fault {
					if broken.Load() {
						return fault
					}
					return ledgertest.Fault{}
				}}
				lease := acquire(t, store, "run-1")
				began := time.Now()
				broken.Store(true)
				err := lease.Record(t.Context(), entry("i-1", rollout.StepDrain, rollout.Begun))
				require.Error(t, err)
				assert.LessOrEqual(t, time.Since(began), 46*time.Second, "bounded below an act's 55 s")
				<-lease.Lost()
				assert.InDelta(t, 60, time.Since(began).Seconds(), 0.1)
				assert.ErrorContains(t, lease.Err(), "could not be renewed for 1m0s")
			})
		})
	}
}

func TestAStoreThatRefusesIsSaidInOneLineAndAtOnce(t *testing.T) {
	for want, fault := range map[error]ledgertest.Fault{ledger.ErrDenied: ledgertest.Denied(), ledger.ErrNoStore: ledgertest.Missing()} {
		synctest.Test(t, func(t *testing.T) {
			store := &ledgertest.Memory{Fault: always(fault)}
			began := time.Now()
			_, err := open(t, store).Acquire(t.Context(), holder("run-1"))
			require.ErrorIs(t, err, want)
			assert.NotContains(t, err.Error(), "\n")
			assert.Contains(t, err.Error(), "memory://app/dev/current")
			assert.Zero(t, time.Since(began))
		})
	}
}

func TestAcquireGivesUpWithinItsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{Fault: always(ledgertest.Fault{Slow: time.Hour})}
		began := time.Now()
		_, err := open(t, store).Acquire(t.Context(), holder("run-1"))
		require.ErrorIs(t, err, ledger.ErrUnavailable)
		assert.Equal(t, 40*time.Second, time.Since(began))

		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("stop")
		time.AfterFunc(time.Second, func() { cancel(stop) })
		began = time.Now()
		_, err = open(t, store).Acquire(ctx, holder("run-1"))
		require.Error(t, err)
		assert.Equal(t, time.Second, time.Since(began))
	})
}
