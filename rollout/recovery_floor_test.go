package rollout

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// joining is a fleet in which a run died while the first instances joined on a new container that cannot be proven, and
// that the load balancer calls healthy.
func joining(w *world, ids ...string) UnfinishedRun {
	dead := UnfinishedRun{Run: "run-0", Release: w.config().Release}
	for _, id := range ids {
		m := w.machines[id]
		m.running, m.kept, m.pulled = newDigest, oldDigest, true
		w.fail("prove/" + id)
		for _, step := range []StepName{StepDeregister, StepStop, StepRegister} {
			dead.Entries = append(dead.Entries, Entry{
				Instance: id, Step: step, Mark: Begun, Old: oldDigest, New: newDigest,
				Targets: []Target{{groupA, id, 8080}, {groupB, id, 9090}},
			}, Entry{Instance: id, Step: step, Mark: Done})
		}
	}
	return dead
}

// TestRecoveryTakesOutNoMoreThanABatch: what a dead run left registered on a container that has to go leaves by the
// capacity rule, also where many leave.
func TestRecoveryTakesOutNoMoreThanABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		dead := joining(w, "i-1", "i-2", "i-3")
		c := w.config()
		fewest := 4
		c.Observe = func(Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			n := 0
			for _, id := range w.order {
				n += btoi(registered(w, Target{groupA, id, 8080}))
			}
			fewest = min(fewest, n)
		}
		result, err := w.do(func() (Result, error) { return Heal(t.Context(), c, dead) })
		require.NoError(t, err)
		assert.Equal(t, Healed, result.Outcome)
		assert.Equal(t, 3, fewest)
		for _, id := range w.order {
			w.requireServing(id, oldDigest)
		}
		assert.Zero(t, w.failed)
		assert.Zero(t, w.unmet)
	})
}

// TestRecoveryNeverTakesTheLastHealthyOneOut: what the load balancer calls healthy stays, and is named, if nobody else
// could carry its traffic.
func TestRecoveryNeverTakesTheLastHealthyOneOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		dead := joining(w, "i-1", "i-2")
		w.machines["i-3"].running, w.machines["i-4"].running = "", ""
		c := w.config()
		c.Policy.Batch = Size{Count: 2}
		began := time.Now()
		var result Result
		_, err := w.do(func() (r Result, err error) { result, err = Heal(t.Context(), c, dead); return result, err })
		require.ErrorContains(t, err, "i-1, i-2: its new container failed and stays registered: wait 5m0s for capacity")
		assert.Equal(t, Orphaned, result.Outcome)
		assert.Less(t, time.Since(began), 10*time.Minute)
		assert.True(t, registered(w, Target{groupA, "i-1", 8080}))
		assert.True(t, registered(w, Target{groupA, "i-2", 8080}))
		assert.Zero(t, w.unmet)
	})
}

// TestRecoveryCountsTheRoutingLagFromTheRegistration of the dead run, if its target has been healthy since.
func TestRecoveryCountsTheRoutingLagFromTheRegistration(t *testing.T) {
	for name, test := range map[string]struct {
		written       time.Duration // how long ago the journal was written; zero: not known
		spoil         func(*world, *UnfinishedRun)
		least, atMost time.Duration
	}{
		"long ago":  {10 * time.Minute, nil, 0, 45 * time.Second},
		"just now":  {30 * time.Second, nil, 90 * time.Second, 2 * time.Minute},
		"not known": {0, nil, 2 * time.Minute, 3 * time.Minute},
		"registered anew meanwhile": {10 * time.Minute, func(w *world, _ *UnfinishedRun) {
			w.targets[Target{groupA, "i-1", 8080}].since = time.Now()
		}, 2 * time.Minute, 4 * time.Minute},
		"without the outcome": {10 * time.Minute, func(_ *world, dead *UnfinishedRun) {
			dead.Entries = append(dead.Entries, Entry{Instance: "i-1", Step: StepRegister, Mark: Begun})
		}, 2 * time.Minute, 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				dead := joining(w, "i-1")
				clear(w.faults)
				if test.written > 0 {
					dead.Written = time.Now().Add(-test.written)
				}
				if test.spoil != nil {
					test.spoil(w, &dead)
				}
				began := time.Now()
				var took time.Duration
				result, err := w.do(func() (Result, error) {
					defer func() { took = time.Since(began) }()
					return Heal(t.Context(), w.config(), dead)
				})
				require.NoError(t, err)
				assert.Equal(t, Healed, result.Outcome)
				w.requireServing("i-1", newDigest)
				assert.Empty(t, w.machines["i-1"].kept)
				assert.GreaterOrEqual(t, took, test.least)
				assert.LessOrEqual(t, took, test.atMost)
			})
		})
	}
}
