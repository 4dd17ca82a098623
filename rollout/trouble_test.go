package rollout

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTroubleKeepsTheFleetInService: what goes wrong around a run, for a while or
// for good, ends as the design has it, and every instance serves afterwards.
func TestTroubleKeepsTheFleetInService(t *testing.T) {
	for name, trouble := range map[string]struct {
		begin   func(*world)
		outcome Outcome
		remark  string
	}{
		"a counter that cannot be read": {func(w *world) {
			w.faults["traffic/i-2"] = fault{err: errFault}
		}, Deployed, "drained by the clock"},
		"a counter that does not answer": {func(w *world) {
			w.faults["traffic/i-2"] = fault{hangs: true}
		}, Deployed, "drained by the clock"},
		"health that is throttled for a minute": {func(w *world) {
			w.faults["health"] = fault{err: errors.New("Throttling: rate exceeded"), times: 6}
		}, Deployed, ""},
		"a container that ends while it drains": {func(w *world) {
			w.machines["i-2"].running, w.machines["i-2"].opened = "", 0
		}, Deployed, ""},
		"a container that starts anew while it drains": {func(w *world) {
			w.machines["i-2"].opened = 0
		}, Deployed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				c := w.config()
				begun := false
				c.Observe = func(e Event) {
					if !begun && e.Instance == "i-2" && e.Step == StepDrain && e.Kind == StepBegun {
						begun = true
						w.mu.Lock()
						trouble.begin(w)
						w.mu.Unlock()
					}
				}
				result, err := w.run(t.Context(), c)
				require.NoError(t, err)
				require.True(t, begun)
				assert.Equal(t, trouble.outcome, result.Outcome)
				assert.Contains(t, strings.Join(result.Remarks, "\n"), trouble.remark)
				for _, id := range w.order {
					w.requireServing(id, newDigest)
				}
			})
		})
	}
}

// TestHealthThatIsThrottledAtTheStartRefuses: nothing is touched on a guess.
func TestHealthThatIsThrottledAtTheStartRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.faults["health"] = fault{err: errors.New("Throttling: rate exceeded")}
		result, err := w.run(t.Context(), w.config())
		require.ErrorContains(t, err, "read the target groups' health: Throttling")
		assert.Equal(t, Refused, result.Outcome)
		w.requireServing("i-1", oldDigest)
	})
}

// TestHealthThatStaysThrottledHalts: an instance that cannot be seen to be
// healthy is not counted as back, and no other leaves.
func TestHealthThatStaysThrottledHalts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		c.Observe = func(e Event) {
			if e.Instance == "i-1" && e.Step == StepRegister && e.Kind == StepDone {
				w.mu.Lock()
				w.faults["health"] = fault{err: errors.New("Throttling: rate exceeded")}
				w.mu.Unlock()
			}
		}
		began := time.Now()
		result, err := w.run(t.Context(), c)
		require.Error(t, err)
		assert.Equal(t, Orphaned, result.Outcome, "nobody can say that it is in service")
		assert.Less(t, time.Since(began), time.Hour)
		w.requireServing("i-2", oldDigest)
		w.requireServing("i-3", oldDigest)
	})
}
