package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

// TestProgramsOfBeforeAndOfNowNeverActAtOnce lets runs of both come, act and be killed at random, on a store that fails
// at random. While one acts no other does, once a program of now has acted none of before does, and what was finished is
// in the history.
func TestProgramsOfBeforeAndOfNowNeverActAtOnce(t *testing.T) {
	total := map[string]int{}
	for seed := range uint64(150) {
		w := &moving{racing: racing{random: rand.New(rand.NewPCG(seed, 19))}, seen: map[string]int{}}
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { synctest.Test(t, w.run) }) {
			return
		}
		for what, n := range w.seen {
			total[what] += n
		}
	}
	t.Log(total)
	for _, what := range []string{"old acts", "new acts", "old refused by the marker", "new refused by what was left", "moved"} {
		assert.Positive(t, total[what], what)
	}
}

// moving is a race in which every other process is a program of before.
type moving struct {
	racing
	seen  map[string]int
	moved bool // a program of now has acted
}

func (w *moving) saw(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[what]++
}

func (w *moving) run(t *testing.T) {
	w.recorded, w.finished = map[string]int{}, map[string]string{}
	w.store.Fault = w.fault
	var wg sync.WaitGroup
	for i, old := range []bool{true, false, true, false} {
		wg.Go(func() {
			for j := range 4 {
				time.Sleep(time.Duration(w.n(120)) * time.Second)
				w.deploy(t, fmt.Sprintf("run-%d-%d", i, j), old)
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

// deploy is one run of a program of before, or of now. It heals what it inherits, and then acts once or more.
func (w *moving) deploy(t *testing.T, run string, old bool) {
	life := &process{Store: &w.store}
	lease, err := w.book(t, life, old).Acquire(t.Context(), holder(run))
	if err != nil {
		w.refused(err, old)
		return
	}
	defer func() {
		life.killed.Store(true)
		_ = lease.Release(context.Background())
	}()
	if lease.Healed(t.Context()) != nil {
		return
	}
	for range 1 + w.n(3) {
		if lease.Record(t.Context(), entry("i-1", rollout.StepStop, rollout.Begun)) != nil {
			return
		}
		killed := w.n(12) == 0
		life.killed.Store(killed)
		w.count(t, run, old)
		w.act(t, run, time.Now().Add(longestAct))
		if killed {
			return
		}
	}
	if lease.Finish(t.Context(), result(run, rollout.Deployed, 1)) == nil {
		w.mu.Lock()
		w.finished[run] = "finished"
		w.mu.Unlock()
	}
}

// count notes an act that begins, and that none of before follows one of now.
func (w *moving) count(t *testing.T, run string, old bool) {
	if !old {
		w.saw("new acts")
		w.mu.Lock()
		w.moved = true
		w.mu.Unlock()
		return
	}
	w.saw("old acts")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.moved {
		t.Errorf("%s of before acts after a run of now", run)
	}
}

func (w *moving) refused(err error, old bool) {
	_, marker := errors.AsType[*ledger.FormatError](err)
	_, left := errors.AsType[*ledger.MoveError](err)
	switch {
	case old && marker:
		w.saw("old refused by the marker")
	case !old && left:
		w.saw("new refused by what was left")
	}
}

func (w *moving) book(t *testing.T, life *process, old bool) *ledger.Ledger {
	t.Helper()
	if !old {
		return openAfter(t, life)
	}
	return openAs(t, programOfBefore{life}, "before/dev")
}

// check reads the history as a program of now, whether the ledger was moved or not.
func (w *moving) check(t *testing.T) {
	if bytes.Contains(w.store.Read("dev/current"), []byte(`"moved":"app/dev"`)) {
		w.saw("moved")
	}
	for run := range w.finished {
		_, err := openAfter(t, &w.store).Find(t.Context(), run)
		assert.NoError(t, err)
	}
	records, err := openAfter(t, &w.store).History(t.Context(), 100)
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, run := range runsOf(records) {
		assert.False(t, seen[run], "%s is twice in the history", run)
		seen[run] = true
	}
	for run := range w.finished {
		assert.True(t, seen[run], "%s was finished", run)
	}
}

// programOfBefore is the store as the ledger of a program of before reads and writes it: lease and journal are those of
// today, but its objects are at dev/…, of version 1, and name no service. A marker it does not know.
type programOfBefore struct{ ledger.Store }

func (p programOfBefore) Get(ctx context.Context, key string) (ledger.Object, error) {
	object, err := p.Store.Get(ctx, keyOfBefore(key))
	object.Data = bytes.Replace(object.Data, []byte(`"version":1,"write":`), []byte(`"version":3,"service":"before","write":`), 1)
	return object, err
}

func (p programOfBefore) Put(ctx context.Context, key string, data []byte, version ledger.Version) (ledger.Stamp, error) {
	data = bytes.Replace(data, []byte(`"version":3,"write":`), []byte(`"version":1,"write":`), 1)
	data = bytes.Replace(data, []byte(`,"service":"before"`), nil, 1)
	return p.Store.Put(ctx, keyOfBefore(key), data, version)
}

func keyOfBefore(key string) string { return strings.TrimPrefix(key, "before/") }
