package rollout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leftOut is the journal of a run that died after it took i-1 out of its target groups.
func leftOut(w *world) UnfinishedRun {
	targets := []Target{{groupA, "i-1", 8080}, {groupB, "i-1", 9090}}
	return UnfinishedRun{Run: "run-0", Release: w.config().Release, Entries: []Entry{
		{Instance: "i-1", Step: StepDeregister, Mark: Begun, Targets: targets, Old: oldDigest, New: newDigest, Seconds: 55},
	}}
}

func TestHealWaitsForTheLastActOfTheDeadRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		dead := leftOut(w)
		dead.ActsUntil = time.Now().Add(40 * time.Second)
		time.AfterFunc(39*time.Second, func() { _ = w.Deregister(context.Background(), dead.Entries[0].Targets) })
		c := w.config()
		var waits []string
		c.Observe = func(e Event) {
			if e.Instance == "" && e.Kind == StepMoved && len(waits) == 0 {
				assert.Empty(t, w.asked, "looked before the last act was over")
				waits = append(waits, e.Detail)
			}
		}
		result, err := w.do(func() (Result, error) { return Heal(t.Context(), c, dead) })
		require.NoError(t, err)
		assert.Equal(t, Healed, result.Outcome)
		assert.Equal(t, []string{"waiting 40s, because an act of run run-0 may still be sent"}, waits)
		w.requireServing("i-1", oldDigest)
	})
}

// A signal while Heal waits for the dead run's last act ends it with nothing touched, and the journal is kept.
func TestHealThatWaitsForActsEndsByASignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		dead := leftOut(w)
		dead.ActsUntil = time.Now().Add(40 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c := w.config()
		began := time.Now()
		result, err := w.do(func() (Result, error) { return Heal(ctx, c, dead) })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, Orphaned, result.Outcome, "an instance may be out of service, so the journal has to be kept")
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Empty(t, w.asked)
		assert.Empty(t, c.Journal.(*memoryJournal).Entries())
	})
}

func TestIntentsOfActsNameTheirDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		_, err := w.run(t.Context(), c)
		require.NoError(t, err)
		seconds := map[StepName]int{}
		for _, e := range c.Journal.(*memoryJournal).Entries() {
			if e.Mark != Begun {
				assert.Zero(t, e.Seconds, "%s %s", e.Step, e.Mark)
				continue
			}
			seconds[e.Step] = e.Seconds
		}
		assert.Equal(t, map[StepName]int{
			StepPrepare: 0, StepDeregister: 55, StepDrain: 55, StepStop: 55, StepStart: 55,
			StepProve: 0, StepRegister: 55, StepJoin: 0, StepSettle: 55,
		}, seconds)
	})
}
