package ledger_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// longestAct is the duration of each intent of the engine.
const longestAct = 55 * time.Second

// TestRunsThatRaceNeverActAtOnce lets runs come, act, be killed, be unlocked and give their lease back while they act, at
// random, on a store that fails at random. Whatever happens: while one acts no other does, what was recorded is never
// forgotten, and what was finished is in the history.
func TestRunsThatRaceNeverActAtOnce(t *testing.T) {
	var acts, kills, refusals, unlocks, waits int
	for seed := range uint64(150) {
		w := &racing{random: rand.New(rand.NewPCG(seed, 5))}
		ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { synctest.Test(t, w.run) })
		if !ok {
			return
		}
		acts, kills, refusals = acts+w.acts, kills+w.kills, refusals+w.refusals
		unlocks, waits = unlocks+w.unlocks, waits+w.waits
	}
	t.Logf("%d acts, %d kills, %d refused leases, %d unlocked, %d waits for acts", acts, kills, refusals, unlocks, waits)
	assert.Positive(t, unlocks)
	assert.Positive(t, waits)
	assert.Positive(t, acts)
	assert.Positive(t, kills)
	assert.Positive(t, refusals)
}

type racing struct {
	store ledgertest.Memory

	mu                    sync.Mutex
	random                *rand.Rand
	calm                  bool
	recorded              map[string]int    // intents that were acknowledged, by run
	finished              map[string]string // by run: how it ended for certain
	acting                string
	acts, kills, refusals int
	unlocks, waits        int
}

func (w *racing) n(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

func (w *racing) fault(ledgertest.Call) ledgertest.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calm {
		return ledgertest.Fault{}
	}
	upTo := func(d time.Duration) time.Duration { return time.Duration(w.random.Int64N(int64(d))) }
	switch w.random.IntN(20) {
	case 0, 1:
		return ledgertest.Throttled()
	case 2, 3:
		return ledgertest.Lost()
	case 4:
		return ledgertest.Late(upTo(2 * time.Minute))
	case 5:
		return ledgertest.Fault{Slow: upTo(20 * time.Second)}
	}
	return ledgertest.Fault{Slow: upTo(100 * time.Millisecond)}
}

func (w *racing) run(t *testing.T) {
	w.recorded, w.finished = map[string]int{}, map[string]string{}
	w.store.Fault = w.fault
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			for j := range 4 {
				time.Sleep(time.Duration(w.n(90)) * time.Second)
				w.deploy(t, fmt.Sprintf("run-%d-%d", i, j))
			}
		})
	}
	wg.Wait()
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	time.Sleep(5 * time.Minute)
	w.check(t)
}

// deploy is one run: it records, acts, and ends in one of many ways.
func (w *racing) deploy(t *testing.T, run string) {
	life := &process{Store: &w.store}
	if w.n(4) == 0 {
		w.unlock(t, open(t, life))
	}
	lease, err := open(t, life).Acquire(t.Context(), holder(run))
	if err != nil {
		w.mu.Lock()
		w.refusals++
		w.mu.Unlock()
		return
	}
	defer func() {
		life.killed.Store(true)
		_ = lease.Release(context.Background())
	}()
	if left := time.Until(lease.Unfinished().ActsUntil); left > 0 {
		w.mu.Lock()
		w.waits++
		w.mu.Unlock()
		time.Sleep(left)
	}
	for range 1 + w.n(6) {
		began := time.Now()
		if lease.Record(t.Context(), intent("i-1", rollout.Steps()[1+w.n(8)], longestAct)) != nil {
			return
		}
		if w.n(8) == 0 { // what it began goes on, as it does in a process that is paused
			go func() { _ = lease.Release(context.Background()) }()
		}
		killed := w.n(8) == 0
		if killed {
			life.killed.Store(true)
		}
		w.act(t, run, began.Add(longestAct))
		if killed {
			w.mu.Lock()
			w.kills++
			w.mu.Unlock()
			return
		}
	}
	if lease.Finish(t.Context(), result(run, rollout.Deployed, 1)) == nil {
		w.mu.Lock()
		w.finished[run] = "finished"
		w.mu.Unlock()
	}
}

// unlock takes the lease from whoever holds it.
func (w *racing) unlock(t *testing.T, book *ledger.Ledger) {
	status, err := book.Current(t.Context())
	if err == nil && status.Lease != nil && book.Unlock(t.Context(), status.Lease.RunID) == nil {
		w.mu.Lock()
		w.unlocks++
		w.mu.Unlock()
	}
}

// act takes until the given time at most. Two must never happen at once.
func (w *racing) act(t *testing.T, run string, until time.Time) {
	if !time.Now().Before(until) {
		return // the intent was confirmed too late
	}
	w.mu.Lock()
	if w.acting != "" {
		t.Errorf("%s acts while %s does", run, w.acting)
	}
	w.acting = run
	w.acts++
	w.recorded[run]++
	length := time.Duration(w.random.Int64N(int64(time.Until(until))))
	w.mu.Unlock()
	time.Sleep(length)
	w.mu.Lock()
	w.acting = ""
	w.mu.Unlock()
}

func (w *racing) check(t *testing.T) {
	lease := acquire(t, &w.store, "run-last")
	unfinished := map[string]bool{}
	for _, run := range lease.Inherited() {
		unfinished[run.RunID] = true
	}
	filed := map[string]bool{}
	for _, run := range history(t, &w.store) {
		filed[run] = true
	}
	for run := range w.recorded {
		assert.True(t, unfinished[run] != filed[run], "%s: unfinished %t, in the history %t", run, unfinished[run], filed[run])
	}
	for run := range w.finished {
		assert.True(t, filed[run], "%s was finished", run)
	}
}

// TestRunsRaceOnAServer lets real goroutines race at a real S3 server, outside of a bubble.
func TestRunsRaceOnAServer(t *testing.T) {
	server := servers(t)["path"]
	var acting, acts atomic.Int32
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			book, err := ledger.Open(server.store(t), "app/dev", ledger.Options{})
			if !assert.NoError(t, err) {
				return
			}
			for j := range 5 {
				lease := eventually(t, book, fmt.Sprintf("run-%d-%d", i, j))
				if !assert.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepStop, rollout.Begun))) {
					return
				}
				assert.EqualValues(t, 1, acting.Add(1))
				acts.Add(1)
				acting.Add(-1)
				assert.NoError(t, lease.Finish(t.Context(), result(lease.Holder().RunID, rollout.Deployed, 1)))
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 20, acts.Load())
	assert.Len(t, history(t, server.store(t)), 20)
}

// eventually asks until the lease is free.
func eventually(t *testing.T, book *ledger.Ledger, run string) *ledger.Lease {
	for {
		lease, err := book.Acquire(t.Context(), holder(run))
		if err == nil {
			return lease
		}
		require.ErrorAs(t, err, new(*ledger.HeldError))
	}
}
