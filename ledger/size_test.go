package ledger_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

// largest is the size of the largest object that is written and read.
const largest = 16 << 20

func TestWhatIsWrittenCanBeRead(t *testing.T) {
	server := servers(t)["path"]
	store := server.store(t)
	data := bytes.Repeat([]byte("x"), largest)
	_, err := store.Put(t.Context(), "app/dev/current", data, ledger.Absent)
	require.NoError(t, err)
	object, err := store.Get(t.Context(), "app/dev/current")
	require.NoError(t, err)
	assert.Equal(t, data, object.Data)
	_, err = store.Put(t.Context(), "app/dev/current", append(data, 'x'), object.Version)
	require.ErrorContains(t, err, "the object has 16777217 bytes, more than the 16777216 that are read again")
	object, err = store.Get(t.Context(), "app/dev/current")
	require.NoError(t, err)
	assert.Equal(t, data, object.Data)
}

// TestAFullJournalBeginsNothingMore takes instances out until the journal is full. What was begun can be undone, and is
// inherited.
func TestAFullJournalBeginsNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &metered{}
		life := &process{Store: store}
		lease := acquire(t, life, "run-1")
		var out []string
		var refused error
		for n := 0; refused == nil; n += 100 {
			require.Less(t, n, 2000, "the journal is never full")
			var wg sync.WaitGroup
			var mu sync.Mutex
			for i := range 100 {
				wg.Go(func() {
					e := entry(fmt.Sprintf("i-%017d", n+i), rollout.StepStop, rollout.Begun)
					e.Targets = slices.Repeat(e.Targets, 200)
					err := lease.Record(t.Context(), e)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						refused = err
					} else {
						out = append(out, e.Instance)
					}
				})
			}
			wg.Wait()
		}
		require.ErrorContains(t, refused, "is not begun, because the journal has")
		require.NoError(t, lease.Err())
		var wg sync.WaitGroup
		for _, instance := range out {
			wg.Go(func() {
				assert.NoError(t, lease.Record(t.Context(), entry(instance, rollout.StepStop, rollout.Undoing)))
				assert.NoError(t, lease.Record(t.Context(), entry(instance, rollout.StepStop, rollout.Undone)))
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, store.largest.Load(), int64(largest))
		require.NoError(t, lease.Release(t.Context()))
		next := acquire(t, store, "run-2")
		assert.Len(t, ledger.InFlight(next.Inherited()), len(out))
		for _, instance := range out {
			wg.Go(func() {
				assert.NoError(t, next.Record(t.Context(), entry(instance, rollout.StepDeregister, rollout.Undone)))
			})
		}
		wg.Wait()
		require.NoError(t, next.Record(t.Context(), entry("i-1", rollout.StepStop, rollout.Begun)), "there is room again")
		require.NoError(t, next.Release(t.Context()))
	})
}

// TestAFleetOfAThousandFits writes the largest journal and the largest result of a run across 1,000 instances in three
// target groups: all are out of service at once, and every text is as long as it is kept.
func TestAFleetOfAThousandFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &metered{}
		lease := acquire(t, store, "run-1")
		text := strings.Repeat("x", 600)
		result := result("run-1", rollout.Mixed, 1)
		var wg sync.WaitGroup
		for i := range 1000 {
			id := fmt.Sprintf("i-%017d", i)
			instance := rollout.InstanceResult{ID: id, Release: release(1).Digest(), Error: text}
			for _, step := range rollout.Steps() {
				instance.Steps = append(instance.Steps, rollout.StepResult{Name: step, Detail: text})
			}
			result.Instances = append(result.Instances, instance)
			wg.Go(func() {
				e := entry(id, "", "")
				for group := range 3 {
					e.Targets = append(e.Targets, rollout.Target{Group: fmt.Sprintf("arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/a-service-in-an-environment-%d/66b087f8d3e6a99f", group), Instance: id, Port: 8080})
				}
				for _, e.Step = range rollout.Steps()[1:8] {
					e.Mark = rollout.Done // its beginning is removed
					assert.NoError(t, lease.Record(t.Context(), e))
				}
			})
		}
		wg.Wait()
		require.NoError(t, lease.Finish(t.Context(), result))
		t.Logf("the largest object has %d bytes", store.largest.Load())
		assert.LessOrEqual(t, store.largest.Load(), int64(largest))
		records, err := open(t, store).History(t.Context(), 1)
		require.NoError(t, err)
		assert.Len(t, records[0].Result.Instances, 1001)
	})
}
