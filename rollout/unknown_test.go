package rollout

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAnUnknownTargetRefusesARun holds that a target which is registered but not in the fleet refuses a run that
// wants that, and the plan of it, before an instance is connected to.
func TestAnUnknownTargetRefusesARun(t *testing.T) {
	const says = "registered, but not in the fleet: i-3:8080 in " + groupA + ", i-3:9090 in " + groupB + ": deregister it"
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		delete(w.targets, Target{groupA, "i-3", 8080})
		delete(w.targets, Target{groupB, "i-3", 9090})
		require.NoError(t, w.Register(t.Context(), []Target{{groupA, "i-3", 8080}}))
		require.NoError(t, w.Register(t.Context(), []Target{{groupB, "i-3", 9090}}))
		c := w.config()
		c.Instances, c.RefuseUnknown = c.Instances[:2], true
		result, err := w.run(t.Context(), c)
		require.ErrorContains(t, err, says)
		assert.Equal(t, Refused, result.Outcome)
		assert.Equal(t, []string{"i-3"}, result.Newcomers)
		assert.Empty(t, w.links, "an instance was connected to")
		_, err = MakePlan(t.Context(), c)
		require.ErrorContains(t, err, says)

		require.NoError(t, w.Deregister(t.Context(), []Target{{groupA, "i-3", 8080}}))
		require.NoError(t, w.Deregister(t.Context(), []Target{{groupB, "i-3", 9090}}))
		_, err = MakePlan(t.Context(), c)
		require.NoError(t, err, "one that drains is registered no more")
	})
}

// TestHealNamesAnUnknownTarget holds that recovery names the target and goes on.
func TestHealNamesAnUnknownTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		c.Instances, c.RefuseUnknown = c.Instances[:2], true
		entry := Entry{Instance: "i-1", Step: StepDeregister, Mark: Begun, Targets: []Target{{groupA, "i-1", 8080}}, Old: oldDigest, New: newDigest}
		result, err := w.do(func() (Result, error) {
			return Heal(t.Context(), c, UnfinishedRun{Run: "dead", Release: c.Release, Entries: []Entry{entry}})
		})
		require.NoError(t, err)
		assert.Equal(t, Healed, result.Outcome)
		assert.Equal(t, []string{"i-3"}, result.Newcomers)
	})
}

// remarking is a gate that passes with a remark.
type remarking struct{}

func (remarking) Name() string                { return "remarking" }
func (remarking) Check(context.Context) error { return nil }
func (remarking) Remarks() []string           { return []string{"one alarm is not judged"} }

// TestRemarksOfGatesAreReported holds that what a gate remarks is shown once and stands in the result.
func TestRemarksOfGatesAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		c.Gates, c.Watches = []Gate{remarking{}}, []Gate{remarking{}}
		shown := 0
		c.Observe = func(e Event) {
			if e.Kind == Remarked && e.Detail == "one alarm is not judged" {
				shown++
			}
		}
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, []string{"one alarm is not judged"}, result.Remarks)
		assert.Equal(t, 1, shown)
	})
}
