package rollout

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serveOtherwise has something that is no container of the service's serve on instances.
func (w *world) serveOtherwise(ids ...string) {
	for _, id := range ids {
		w.machines[id].running, w.machines[id].foreign = "", true
	}
}

const irreplaceable = "the load balancer calls it healthy, and what serves there could not be put back: there is no container app"

// TestWhatCouldNotBePutBackIsNotTakenOut holds that an instance which serves, and on which no container of the service
// was found, keeps its place in the load balancer.
func TestWhatCouldNotBePutBackIsNotTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.serveOtherwise("i-2")
		journal := &memoryJournal{}
		c := w.config()
		c.Journal = journal
		result, err := w.run(t.Context(), c)
		require.ErrorContains(t, err, "i-2: prepare: "+irreplaceable)
		assert.Equal(t, Mixed, result.Outcome)
		assert.Equal(t, Pending, result.Instances[1].Outcome)
		for _, e := range journal.Entries() {
			assert.False(t, e.Instance == "i-2" && e.Step != StepPrepare, "it was touched: %v", e)
		}
		w.requireServing("i-2", "")
		assert.False(t, w.machines["i-2"].pulled, "an image was pulled that it cannot run")
	})
}

// TestWhatWouldNotBeProvenIsUpdated holds that an instance which serves gets the release, although a new container which
// answers as the old one does would not be proven. A run that goes back leaves it on the release, and says why.
func TestWhatWouldNotBeProvenIsUpdated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.machines["i-1"].unproven = "GET /ready answers 404"
		w.machines["i-3"].healthOK = false
		c := w.config()
		c.Policy.Failures, c.Policy.Rollback = 0, true
		result, err := w.run(t.Context(), c)
		require.Error(t, err)
		assert.Equal(t, Mixed, result.Outcome)
		w.requireServing("i-1", newDigest)
		w.requireServing("i-2", oldDigest)
		assert.Contains(t, result.Remarks, "i-1: what runs there now would not pass as a new release, and counts as put back when it answers as it does now: GET /ready answers 404")
		assert.Contains(t, result.Remarks, "i-1: not rolled back, because a new container of what ran before would not be proven: GET /ready answers 404")
	})
}

// TestAnInstanceThatServesNobodyNeedsNoContainer holds that one whose first boot failed is brought into service, and
// one of which the load balancer does not know yet how it is.
func TestAnInstanceThatServesNobodyNeedsNoContainer(t *testing.T) {
	for name, since := range map[string]time.Duration{"unhealthy": time.Hour, "initial": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				w.machines["i-2"].running = ""
				for target, m := range w.targets {
					if target.Instance == "i-2" {
						m.since = time.Now().Add(-since)
					}
				}
				result, err := w.run(t.Context(), w.config())
				require.NoError(t, err)
				assert.Equal(t, Deployed, result.Outcome)
				w.requireServing("i-2", newDigest)
			})
		})
	}
}

// TestReplaceDrainsWhatItDoesNotFind holds that an instance which serves is drained before it is replaced, also if no
// container of the service was found on it.
func TestReplaceDrainsWhatItDoesNotFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.serveOtherwise("i-2")
		c := w.config()
		result, err := w.do(func() (Result, error) {
			return Replace(t.Context(), c, "i-2", w.terraform("i-2", "i-4", time.Minute))
		})
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		drained := result.Instances[1].Steps[1]
		require.Equal(t, StepDrain, drained.Name)
		assert.GreaterOrEqual(t, drained.Finished.Sub(drained.Started), c.Policy.Drain.Lag, drained.Detail)
	})
}
