package rollout

import (
	"context"
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
