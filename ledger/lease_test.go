package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
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

func TestASecondRunIsRefusedWithTheNameOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		first := acquire(t, store, "run-1")
		time.Sleep(5 * time.Second)
		before := store.Read("app/dev/current")
		_, err := open(t, store).Acquire(t.Context(), holder("run-2"))
		var held *ledger.HeldError
		require.ErrorAs(t, err, &held)
		assert.Equal(t, holder("run-1"), held.Lease.Holder)
		assert.Equal(t, 57*time.Second, held.Lease.Ends.Sub(held.Now))
		require.ErrorContains(t, err, "held by run run-1 of ann on host-of-run-1, process 41: wait for that run to end (its lease ends ")
		assert.Equal(t, before, store.Read("app/dev/current"), "nothing touched")
		require.NoError(t, first.Release(t.Context()))
	})
}

func TestALivingRunKeepsItsLeaseForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		lease := acquire(t, store, "run-1")
		for range 60 {
			time.Sleep(time.Minute)
			_, err := open(t, store).Acquire(t.Context(), holder("run-2"))
			require.ErrorAs(t, err, new(*ledger.HeldError))
		}
		assert.InDelta(t, 180, store.Puts(), 2, "renewed every 20 s")
		require.NoError(t, lease.Err())
		require.NoError(t, lease.Release(t.Context()))
		puts := store.Puts()
		time.Sleep(time.Hour)
		assert.Equal(t, puts, store.Puts(), "nothing is written after the end")
	})
}

func TestARunThatRecordsNeedsNoRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		lease := acquire(t, store, "run-1")
		for range 20 {
			time.Sleep(15 * time.Second)
			require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepDrain, rollout.Begun)))
		}
		assert.Equal(t, 21, store.Puts())
		require.NoError(t, lease.Release(t.Context()))
	})
}

func TestADeadRunIsTakenOverWithItsJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		first := &process{Store: store}
		lease := acquire(t, first, "run-1")
		require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepDeregister, rollout.Begun)))
		first.killed.Store(true)
		time.Sleep(leaseEnds - time.Nanosecond)
		_, err := open(t, store).Acquire(t.Context(), holder("run-2"))
		require.ErrorAs(t, err, new(*ledger.HeldError))
		time.Sleep(time.Nanosecond)

		second := acquire(t, store, "run-2")
		require.Len(t, second.Inherited(), 1)
		dead := second.Inherited()[0]
		assert.Equal(t, holder("run-1"), dead.Holder)
		assert.Equal(t, []rollout.Entry{entry("i-1", rollout.StepDeregister, rollout.Begun)}, dead.Entries)

		require.NoError(t, second.Release(t.Context()))
		third := acquire(t, store, "run-3")
		assert.Equal(t, second.Inherited(), third.Inherited(), "not healed yet; run-2 recorded nothing")
		require.NoError(t, third.Release(t.Context()))
	})
}

func TestARunThatSleptThroughItsLeaseStops(t *testing.T) {
	for name, takeOver := range map[string]bool{"taken over": true, "nobody came": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &ledgertest.Memory{}
				lease := acquire(t, store, "run-1")
				require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepDrain, rollout.Begun)))
				store.Skew(time.Hour) // to the sleeper, no time has passed
				if takeOver {
					defer func(l *ledger.Lease) { assert.NoError(t, l.Release(t.Context())) }(acquire(t, store, "run-2"))
				}
				err := lease.Record(t.Context(), entry("i-1", rollout.StepStop, rollout.Begun))
				var lost *ledger.LostError
				require.ErrorAs(t, err, &lost)
				require.ErrorIs(t, err, ledger.ErrLost)
				<-lease.Lost()
				require.ErrorIs(t, lease.Err(), ledger.ErrLost)
				require.ErrorIs(t, lease.Record(t.Context(), entry("i-1", rollout.StepStop, rollout.Begun)), ledger.ErrLost)
				require.ErrorIs(t, lease.Finish(t.Context(), result("run-1", rollout.Deployed, 1)), ledger.ErrLost)
				require.NoError(t, lease.Release(t.Context()))
				if takeOver {
					require.NotNil(t, lost.By)
					assert.Equal(t, "run-2", lost.By.RunID)
					return
				}
				next := acquire(t, store, "run-2")
				assert.Len(t, next.Inherited(), 1, "it was given back at once, with its journal")
				require.NoError(t, next.Release(t.Context()))
			})
		})
	}
}

// A store whose clock is an hour off in either direction is as good as any.
func TestOnlyTheStoresClockCounts(t *testing.T) {
	for _, skew := range []time.Duration{time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			store := &ledgertest.Memory{}
			store.Skew(skew)
			first := &process{Store: store}
			lease := acquire(t, first, "run-1")
			time.Sleep(10 * time.Minute)
			require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepDrain, rollout.Begun)))
			_, err := open(t, store).Acquire(t.Context(), holder("run-2"))
			require.ErrorAs(t, err, new(*ledger.HeldError))
			first.killed.Store(true)
			time.Sleep(leaseEnds)
			require.NoError(t, acquire(t, store, "run-2").Release(t.Context()))
		})
	}
}

func TestOfManyWhoWantItOneGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{Fault: func(c ledgertest.Call) ledgertest.Fault {
			return ledgertest.Fault{Slow: time.Duration(c.Number%3) * 100 * time.Millisecond}
		}}
		var wg sync.WaitGroup
		var won atomic.Int32
		for i := range 20 {
			wg.Go(func() {
				lease, err := open(t, store).Acquire(t.Context(), holder("run-"+string(rune('a'+i))))
				if err != nil {
					assert.ErrorAs(t, err, new(*ledger.HeldError))
					return
				}
				won.Add(1)
				time.Sleep(time.Minute)
				assert.NoError(t, lease.Release(t.Context()))
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, won.Load())
	})
}

func TestWritersWhoWaitShareOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{Fault: always(ledgertest.Fault{Slow: 50 * time.Millisecond})}
		lease := acquire(t, store, "run-1")
		before := store.Puts()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				assert.NoError(t, lease.Record(t.Context(), entry("i-"+string(rune('A'+i)), rollout.StepDrain, rollout.Begun)))
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, store.Puts()-before, 2)
		status, err := open(t, store).Current(t.Context())
		require.NoError(t, err)
		assert.Len(t, status.Lease.Entries, 50)
		assert.True(t, status.Running())
		require.NoError(t, lease.Release(t.Context()))
	})
}

// metered is a store that knows how many bytes it took.
type metered struct {
	ledgertest.Memory
	bytes, largest atomic.Int64
}

func (m *metered) Put(ctx context.Context, key string, data []byte, version ledger.Version) (ledger.Stamp, error) {
	m.bytes.Add(int64(len(data)))
	m.largest.Store(max(m.largest.Load(), int64(len(data))))
	return m.Memory.Put(ctx, key, data, version)
}

// A store that answers at once is not flooded with a large fleet's journal.
func TestALargeJournalIsWrittenAtAMeasuredPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &metered{}
		lease := acquire(t, store, "run-1")
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				for _, step := range rollout.Steps() {
					assert.NoError(t, lease.Record(t.Context(), entry(fmt.Sprintf("i-%017d", i), step, rollout.Begun)))
					assert.NoError(t, lease.Record(t.Context(), entry(fmt.Sprintf("i-%017d", i), step, rollout.Done)))
				}
			})
		}
		wg.Wait()
		took := time.Since(began)
		assert.Less(t, took, 2*time.Second)
		assert.Less(t, store.bytes.Load(), int64(took.Seconds()*(16<<20))+1<<20)
		require.NoError(t, lease.Release(t.Context()))
	})
}

func TestRecordRefusesWhatItCouldNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lease := acquire(t, &ledgertest.Memory{}, "run-1")
		for want, e := range map[string]rollout.Entry{
			"names no instance":         entry("", rollout.StepDrain, rollout.Begun),
			`step "dance" is not known`: entry("i-1", "dance", rollout.Begun),
			`mark "gone" is not known`:  entry("i-1", rollout.StepDrain, "gone"),
		} {
			require.ErrorContains(t, lease.Record(t.Context(), e), want)
		}
		require.NoError(t, lease.Release(t.Context()))
		require.ErrorIs(t, lease.Record(t.Context(), entry("i-1", rollout.StepDrain, rollout.Begun)), ledger.ErrReleased)
	})
}

func TestRecordersWhoGiveUpDoNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{Fault: always(ledgertest.Fault{Slow: time.Second})}
		lease := acquire(t, store, "run-1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, lease.Record(ctx, entry("i-1", rollout.StepDrain, rollout.Begun)), context.DeadlineExceeded)
		require.NoError(t, lease.Record(t.Context(), entry("i-2", rollout.StepDrain, rollout.Begun)))
		require.NoError(t, lease.Release(t.Context()))
	})
}

func TestSecretsStayOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		h := holder("run-1")
		h.RunURL = "https://user:hunter2@ci.example/runs/7"
		lease, err := open(t, store).Acquire(t.Context(), h)
		require.NoError(t, err)
		e := entry("i-1", rollout.StepProve, rollout.Failed)
		e.Error = "exited with code 1\nPASSWORD=hunter2" + strings.Repeat("x", 10_000)
		require.NoError(t, lease.Record(t.Context(), e))
		r := result("run-1", rollout.RolledBack, 1)
		r.Error, r.Instances[0].Error, r.Remarks = e.Error, e.Error, []string{e.Error}
		r.Instances[0].Log = []string{"log of hunter2"}
		r.Instances[0].Steps = []rollout.StepResult{{Name: rollout.StepProve, Error: e.Error, Detail: e.Error}}
		current := string(store.Read("app/dev/current"))
		require.NoError(t, lease.Finish(t.Context(), r))
		for _, text := range []string{current, string(store.Read("app/dev/history/run-1"))} {
			assert.NotContains(t, text, "hunter2")
			assert.Less(t, len(text), 5000)
		}
		assert.Contains(t, r.Error, "hunter2", "the caller's result is left alone")
		assert.Equal(t, []string{"log of hunter2"}, r.Instances[0].Log, "the caller's result is left alone")
	})
}

func TestOpenRefusesNonsense(t *testing.T) {
	for want, o := range map[string]ledger.Options{
		"must be whole seconds":            {Lease: 1500 * time.Millisecond},
		"renew 1m0s must be above 0 and":   {Renew: time.Minute},
		"patience -1s must be above 0 and": {Patience: -time.Second},
		`key of before "app/dev"`:          {Before: "app/dev"},
	} {
		_, err := ledger.Open(&ledgertest.Memory{}, "app/dev", o)
		require.ErrorContains(t, err, want)
	}
	for _, name := range []string{"", "dev", "/dev", "app/", "../prod", "app/dev/x", "app/a b", "app/../dev", "claims/dev", "app/current", "app/history"} {
		_, err := ledger.Open(&ledgertest.Memory{}, name, ledger.Options{})
		require.Error(t, err, name)
	}
	_, err := open(t, &ledgertest.Memory{}).Acquire(t.Context(), ledger.Holder{RunID: "../x"})
	require.ErrorContains(t, err, `run "../x"`)
}
