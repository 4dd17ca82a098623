package rollout

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withdraw deregisters targets as an operator would, before a run begins.
func (w *world) withdraw(targets ...Target) {
	for _, target := range targets {
		w.targets[target] = &membership{since: time.Now().Add(-time.Hour), draining: time.Now().Add(-time.Minute)}
	}
}

func registered(w *world, target Target) bool {
	m := w.targets[target]
	return m != nil && m.draining.IsZero()
}

// TestATargetThatDrainsBesideAnotherIsIgnored: after a change of the port the targets on the old one drain for minutes, and
// nothing listens there any more.
func TestATargetThatDrainsBesideAnotherIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		for _, id := range w.order {
			w.withdraw(Target{groupA, id, 7070})
		}
		c := w.config()
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.Empty(t, result.Remarks)
		for _, id := range w.order {
			w.requireServing(id, newDigest)
			assert.False(t, registered(w, Target{groupA, id, 7070}), id)
		}
		for _, e := range c.Journal.(*memoryJournal).Entries() {
			for _, target := range e.Targets {
				require.NotEqual(t, 7070, target.Port, "recovery would register it")
			}
		}
		assert.Zero(t, w.failed)
	})
}

// TestATargetThatSomebodyTookOutStaysOut in one of the instance's groups, unless the run is to register it.
func TestATargetThatSomebodyTookOutStaysOut(t *testing.T) {
	for _, register := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			w.withdraw(Target{groupA, "i-2", 8080})
			c := w.config()
			c.Register = register
			result, err := w.run(t.Context(), c)
			require.NoError(t, err)
			assert.Equal(t, Deployed, result.Outcome)
			assert.Equal(t, register, registered(w, Target{groupA, "i-2", 8080}))
			assert.True(t, registered(w, Target{groupB, "i-2", 9090}))
			assert.Equal(t, newDigest, w.machines["i-2"].running)
			remarked := strings.Contains(strings.Join(result.Remarks, "\n"), "i-2: was deregistered from 8080 in "+groupA+" before this run, and not by a run: left out, -register registers it")
			assert.Equal(t, !register, remarked, result.Remarks)
			assert.Zero(t, w.failed)
		})
	}
}

// TestAnInstanceInNoGroupIsUpdatedAndStaysOut unless the run is to register it. One that somebody took out a moment ago
// still receives traffic, so it drains.
func TestAnInstanceInNoGroupIsUpdatedAndStaysOut(t *testing.T) {
	for name, test := range map[string]struct{ register, draining bool }{
		"never registered":              {},
		"never registered, to register": {register: true},
		"taken out a minute ago":        {draining: true},
		"taken out, to register":        {register: true, draining: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				targets := []Target{{groupA, "i-2", 8080}, {groupB, "i-2", 9090}}
				if test.draining {
					w.withdraw(targets...)
				} else {
					delete(w.targets, targets[0])
					delete(w.targets, targets[1])
				}
				c := w.config()
				c.Port = 8080
				c.Register = test.register
				result, err := w.run(t.Context(), c)
				require.NoError(t, err)
				assert.Equal(t, Deployed, result.Outcome)
				assert.Equal(t, newDigest, w.machines["i-2"].running)
				for _, target := range targets {
					assert.Equal(t, test.register, registered(w, target))
				}
				assert.Equal(t, !test.register, strings.Contains(strings.Join(result.Remarks, "\n"), "-register registers it"), result.Remarks)
				assert.Zero(t, w.failed)
			})
		})
	}
}

// TestWhatIsRegisteredBeforeItsTurnIsDrained: somebody registers an instance that the run found without the registration.
// It serves by its turn, so it leaves and drains before its container is stopped, and is registered again.
func TestWhatIsRegisteredBeforeItsTurnIsDrained(t *testing.T) {
	long := 10 * time.Minute
	for name, test := range map[string]struct {
		groupB   bool // it is in this group, and not in the other
		draining bool
		register bool // so is the run
	}{
		"in no group":                    {},
		"in no group, and to register":   {register: true},
		"draining":                       {draining: true},
		"in another group":               {groupB: true},
		"draining, and in another group": {groupB: true, draining: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 4)
				if !test.groupB {
					w.leaveGroupB()
				}
				target := Target{groupA, "i-4", 8080}
				delete(w.targets, target)
				if test.draining {
					w.withdraw(target)
				}
				c := w.config()
				c.Register = test.register
				stopped := false
				c.Observe = func(e Event) {
					w.mu.Lock()
					defer w.mu.Unlock()
					switch {
					case e.Instance == "i-4" && e.Step == StepPrepare && e.Kind == StepDone:
						w.targets[target] = &membership{since: time.Now().Add(-long)}
					case e.Instance == "i-4" && e.Step == StepStop && e.Kind == StepBegun:
						stopped = true
						assert.False(t, registered(w, target), "it is stopped while it serves")
					}
				}
				result, err := w.run(t.Context(), c)
				require.NoError(t, err)
				assert.Equal(t, Deployed, result.Outcome)
				assert.True(t, stopped)
				assert.True(t, registered(w, target))
				assert.Equal(t, newDigest, w.machines["i-4"].running)
				assert.Contains(t, strings.Join(result.Remarks, "\n"), "i-4: registered in its target groups (8080 in "+groupA+") by somebody else")
				assert.Zero(t, w.failed)
			})
		})
	}
}

// TestAnInstanceInNoGroupThatRunsTheReleaseIsLeftAlone, because nothing is left to do.
func TestAnInstanceInNoGroupThatRunsTheReleaseIsLeftAlone(t *testing.T) {
	for _, register := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2)
			delete(w.targets, Target{groupA, "i-2", 8080})
			delete(w.targets, Target{groupB, "i-2", 9090})
			w.machines["i-1"].running, w.machines["i-2"].running = newDigest, newDigest
			c := w.config()
			c.Register = register
			result, err := w.run(t.Context(), c)
			require.NoError(t, err)
			want := map[bool]Outcome{false: UnchangedRun, true: Deployed}[register]
			assert.Equal(t, want, result.Outcome)
			assert.Equal(t, register, registered(w, Target{groupA, "i-2", 8080}))
		})
	}
}

// TestHealRegistersNoInstanceThatWasInNoGroup: its journal names no targets.
func TestHealRegistersNoInstanceThatWasInNoGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		delete(w.targets, Target{groupA, "i-1", 8080})
		delete(w.targets, Target{groupB, "i-1", 9090})
		entries := []Entry{{Instance: "i-1", Step: StepDeregister, Mark: Begun, Old: oldDigest, New: newDigest, Unserved: true}}
		result, err := w.do(func() (Result, error) {
			return Heal(t.Context(), w.config(), UnfinishedRun{Run: "run-0", Release: w.config().Release, Entries: entries})
		})
		require.NoError(t, err)
		assert.Equal(t, Healed, result.Outcome)
		assert.False(t, registered(w, Target{groupA, "i-1", 8080}))
	})
}

// TestAReplacementIsExpectedWhereTerraformRegistersIt also if the instance before it was in no group.
func TestAReplacementIsExpectedWhereTerraformRegistersIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		delete(w.targets, Target{groupA, "i-1", 8080})
		delete(w.targets, Target{groupB, "i-1", 9090})
		began := time.Now()
		result, err := w.do(func() (Result, error) {
			return Replace(t.Context(), w.config(), "i-1", func(context.Context) (Instance, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.machines["i-9"] = &machine{id: "i-9", zone: "a", running: newDigest, source: ServiceCount, healthOK: true}
				w.targets[Target{groupA, "i-9", 8080}] = &membership{since: time.Now()}
				w.targets[Target{groupB, "i-9", 9090}] = &membership{since: time.Now()}
				return Instance{ID: "i-9", Zone: "a", Address: "i-9"}, nil
			})
		})
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.Greater(t, time.Since(began), 50*time.Second, "not before it is healthy")
	})
}
