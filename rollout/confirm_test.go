package rollout

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowIntent makes the ledger slow when an instance is about to leave; meanwhile happens what happens.
func slowIntent(w *world, c *Config, id string, meanwhile func()) {
	journal := c.Journal
	c.Journal = recorder(func(ctx context.Context, e Entry) error {
		if e.Instance == id && e.Step == StepDeregister && e.Mark == Begun {
			w.mu.Lock()
			meanwhile()
			w.mu.Unlock()
			time.Sleep(20 * time.Second) // in the bubble
		}
		return journal.Record(ctx, e)
	})
}

// TestCapacityIsReadAgainIfTheIntentTookLong: what was true when the batch's turn came need not be when it leaves.
func TestCapacityIsReadAgainIfTheIntentTookLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		slowIntent(w, &c, "i-1", func() { w.machines["i-2"].running = "" })
		result, err := w.run(t.Context(), c)
		require.Error(t, err)
		assert.Contains(t, result.Instances[0].Error, "would keep 1 healthy targets, the floor is 2")
		assert.Equal(t, Restored, result.Instances[0].Outcome)
		assert.GreaterOrEqual(t, time.Since(w.targets[Target{groupA, "i-1", 8080}].since), time.Hour, "it was deregistered all the same")
		assert.Zero(t, w.unmet)
	})
}

// TestTheSecondLookDoesNotCountWhatGetsNoTrafficYet: it is healthy before the load balancer routes to it.
func TestTheSecondLookDoesNotCountWhatGetsNoTrafficYet(t *testing.T) {
	for name, id := range map[string]string{"a newcomer": "i-9", "an instance of the fleet that was in no group": "i-4"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 4)
				w.leaveGroupB()
				delete(w.targets, Target{groupA, "i-4", 8080})
				w.machines["i-9"] = &machine{id: "i-9", running: oldDigest, source: ServiceCount, healthOK: true}
				c := w.config()
				c.Instances = []Instance{c.Instances[3], c.Instances[0], c.Instances[1], c.Instances[2]}
				slowIntent(w, &c, "i-1", func() {
					w.machines["i-2"].running = ""
					w.targets[Target{groupA, id, 8080}] = &membership{since: time.Now().Add(-time.Minute)} // routed to in half a minute
				})
				result, err := w.run(t.Context(), c)
				require.Error(t, err)
				i := slices.IndexFunc(result.Instances, func(i InstanceResult) bool { return i.ID == "i-1" })
				assert.Contains(t, result.Instances[i].Error, "would keep 1 healthy targets without ["+id+"], which may get no traffic yet, the floor is 2")
				assert.GreaterOrEqual(t, time.Since(w.targets[Target{groupA, "i-1", 8080}].since), time.Hour, "it was deregistered all the same")
			})
		})
	}
}

// TestTheIntentNamesWhatIsRegisteredWhileItIsWritten, so that recovery registers it.
func TestTheIntentNamesWhatIsRegisteredWhileItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		target := Target{groupA, "i-1", 8080}
		delete(w.targets, target)
		c := w.config()
		journal := c.Journal.(*memoryJournal)
		var once sync.Once
		slowIntent(w, &c, "i-1", func() { once.Do(func() { w.targets[target] = &membership{since: time.Now()} }) })
		var left []Entry
		c.Observe = func(e Event) {
			if e.Instance == "i-1" && e.Step == StepStop && e.Kind == StepBegun {
				left = journal.Entries()
			}
		}
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.True(t, registered(w, target))
		at := slices.IndexFunc(left, func(e Entry) bool { return e.Instance == "i-1" && e.Step == StepDeregister && e.Mark == Done })
		require.Positive(t, at)
		assert.Contains(t, unrecovered(left[:at])["i-1"].targets, target)
		assert.Zero(t, w.failed)
	})
}

// TestABatchIsConfirmedAsOne: instances of one batch leave together, however long the intent of one of them took.
func TestABatchIsConfirmedAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		c := w.config()
		c.Policy.Batch = Size{Count: 2}
		slowIntent(w, &c, "i-1", func() {})
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.Zero(t, w.failed)
	})
}

// TestARefusedRegistrationOfWhatNeverLeftClosesTheJournal: an instance that may not leave any more is registered all the
// same, to be sure. If that call fails, its journal is closed nevertheless when the call can be applied no more.
func TestARefusedRegistrationOfWhatNeverLeftClosesTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		journal := c.Journal.(*memoryJournal)
		slowIntent(w, &c, "i-1", func() { w.machines["i-2"].running = "" })
		w.faults["register/i-1"] = fault{err: errFault, times: 1}
		result, err := w.run(t.Context(), c)
		require.Error(t, err)
		assert.Equal(t, Restored, result.Instances[0].Outcome)
		assert.False(t, result.InDoubt)
		assert.NotContains(t, unrecovered(journal.Entries()), "i-1")
	})
}
