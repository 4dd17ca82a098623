package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// blockedObserver collects what it observes, after the first event has been let through.
type blockedObserver struct {
	release chan struct{}
	events  []rollout.Event
}

func (o *blockedObserver) observe(e rollout.Event) {
	<-o.release
	o.events = append(o.events, e)
}

func (o *blockedObserver) details() (all []string) {
	for _, e := range o.events {
		all = append(all, e.Detail)
	}
	return all
}

func TestABufferMergesProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &blockedObserver{release: make(chan struct{})}
		var b Buffer
		b.Add(o.observe)
		b.Observe(event(0, "i-0a", rollout.StepDrain, rollout.StepBegun, "first"))
		synctest.Wait() // the observer is blocked with it
		for n := range 1000 {
			b.Observe(event(1, "i-0a", rollout.StepDrain, rollout.StepMoved, fmt.Sprintf("a %d", n)))
			b.Observe(event(1, "i-0b", rollout.StepDrain, rollout.StepMoved, fmt.Sprintf("b %d", n)))
			b.Observe(event(1, "", "", rollout.Forecast, fmt.Sprintf("left %d", n)))
		}
		b.Observe(event(2, "i-0a", rollout.StepDrain, rollout.StepDone, "done"))
		b.Observe(event(3, "i-0a", rollout.StepStop, rollout.StepMoved, "another step"))
		close(o.release)
		b.Flush()
		assert.Equal(t, []string{"first", "a 999", "b 999", "left 999", "done", "another step"}, o.details())
	})
}

func TestAFullBufferDropsProgressFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &blockedObserver{release: make(chan struct{})}
		var b Buffer
		b.Add(o.observe)
		b.Observe(event(0, "i-0a", rollout.StepPrepare, rollout.StepBegun, "first"))
		synctest.Wait()
		b.Observe(event(1, "i-0a", rollout.StepPrepare, rollout.StepMoved, "progress"))
		for range mostBuffered - 1 {
			b.Observe(event(2, "", "", rollout.Remarked, "kept"))
		}
		b.Observe(failed(3, "i-0a", rollout.StepPrepare, rollout.StepFailed, "failed"))
		b.Observe(event(4, "", "", rollout.Remarked, "lost"))
		b.Observe(event(4, "i-0a", rollout.StepPrepare, rollout.StepMoved, "lost"))
		close(o.release)
		b.Flush()
		require.Len(t, o.events, mostBuffered+2)
		assert.NotContains(t, o.details(), "progress")
		assert.NotContains(t, o.details(), "lost")
		assert.Equal(t, rollout.StepFailed, o.events[mostBuffered].Kind)
		assert.Equal(t, "3 events are not shown, because the output was not read in time", o.events[mostBuffered+1].Detail)

		b.Observe(event(5, "", "", rollout.Remarked, "read again"))
		b.Flush()
		assert.Equal(t, "read again", o.events[len(o.events)-1].Detail)
	})
}

// TestAFullPipeDoesNotBlockABuffer writes to a pipe that is read only after the last event.
func TestAFullPipeDoesNotBlockABuffer(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	var b Buffer
	b.Add(Plain(w))
	const instances = 5000 // their lines are longer than a pipe holds
	for n := range instances {
		b.Observe(event(float64(n), fmt.Sprintf("i-%d", n), rollout.StepDrain, rollout.StepBegun, "it begins"))
	}
	go func() {
		b.Flush()
		_ = w.Close()
	}()
	read, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, instances, bytes.Count(read, []byte("\n")))
}
