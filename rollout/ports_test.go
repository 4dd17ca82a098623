package rollout

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAPortThatNoTargetHasRefusesARun holds that a run and the plan of it are refused before an instance is connected to
// if the container's port is none that an instance has, or would get, in the load balancer.
func TestAPortThatNoTargetHasRefusesARun(t *testing.T) {
	const remedy = ": set HostPort of the container to the targets' port, or register the instances on port 9000"
	both := "8080 in " + groupA + " and 9090 in " + groupB
	for _, test := range []struct {
		name  string
		port  int
		spoil func(*world)
		says  string
	}{
		{"not compared", 0, func(*world) {}, ""},
		{"the first group's", 8080, func(*world) {}, ""},
		{"the second group's", 9090, func(*world) {}, ""},
		{"nobody's", 9000, func(*world) {}, "no target is on port 9000, which the service's container publishes: i-1, i-2 on " + both + remedy},
		{"of instances that were registered on other ports than the group's", 9000, func(w *world) {
			move(w, "i-1", 9000)
			move(w, "i-2", 9000)
		}, ""},
		{"of one instance alone", 9000, func(w *world) { move(w, "i-1", 9000) }, "i-2 on " + both + remedy},
		{"of an instance that is in no group", 9000, func(w *world) {
			move(w, "i-1", 9000)
			delete(w.targets, Target{groupA, "i-2", 8080})
			delete(w.targets, Target{groupB, "i-2", 9090})
		}, ""},
		{"of an instance that is to be registered", 9000, func(w *world) {
			move(w, "i-1", 9000)
			delete(w.targets, Target{groupA, "i-2", 8080})
			delete(w.targets, Target{groupB, "i-2", 9090})
		}, "publishes: i-2 (in no group yet) on " + both + remedy},
		{"the port on which a target drains", 9000, func(w *world) {
			move(w, "i-1", 9000)
			move(w, "i-2", 9000)
			w.targets[Target{groupA, "i-2", 9000}].draining = w.targets[Target{groupA, "i-1", 9000}].since
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				test.spoil(w)
				c := w.config()
				c.Port, c.Policy.Downtime = test.port, true
				c.Register = strings.HasSuffix(test.name, "to be registered")
				plan, err := MakePlan(t.Context(), c)
				if test.says == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, test.says)
				assert.Equal(t, Refused, plan.Outcome)
				result, err := w.run(t.Context(), c)
				require.ErrorContains(t, err, test.says)
				assert.Equal(t, Refused, result.Outcome)
				assert.Empty(t, w.links, "an instance was connected to")
			})
		})
	}
}

// move registers an instance on another port of group A alone.
func move(w *world, id string, port int) {
	w.targets[Target{groupA, id, port}] = w.targets[Target{groupA, id, 8080}]
	delete(w.targets, Target{groupA, id, 8080})
	delete(w.targets, Target{groupB, id, 9090})
}

// TestARefusalNamesThreeInstances holds that the error of a large fleet stays short.
func TestARefusalNamesThreeInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newWorld(t, 20).config()
		c.Port = 9000
		_, err := MakePlan(t.Context(), c)
		require.ErrorContains(t, err, "i-1, i-2, i-3 and 17 more on 8080 in "+groupA)
	})
}

// TestHealAndReplaceCompareNoPort holds that what brings an instance back is not refused for the container's port:
// recovery starts what ran before, and the new instance's first boot is not the run's.
func TestHealAndReplaceCompareNoPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		c.Port = 9000
		targets := []Target{{groupA, "i-1", 8080}, {groupB, "i-1", 9090}}
		entry := Entry{Instance: "i-1", Step: StepDeregister, Mark: Begun, Targets: targets, Old: oldDigest, New: newDigest}
		result, err := w.do(func() (Result, error) {
			return Heal(t.Context(), c, UnfinishedRun{Run: "dead", Release: c.Release, Entries: []Entry{entry}})
		})
		require.NoError(t, err)
		assert.Equal(t, Healed, result.Outcome)
		result, err = w.do(func() (Result, error) {
			return Replace(t.Context(), c, "i-2", w.terraform("i-2", "i-3", time.Minute))
		})
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
	})
}
