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

// takeOut has somebody deregister a target while the run goes on: when an instance's step has ended.
func takeOut(w *world, c *Config, target Target, instance string, step StepName) {
	c.Observe = func(e Event) {
		if e.Instance == instance && e.Step == step && e.Kind == StepDone {
			w.mu.Lock()
			w.targets[target].draining = time.Now()
			w.mu.Unlock()
		}
	}
}

// TestATargetThatSomebodyTakesOutDuringTheRunIsNamed: a run does not put it back, and does not say that all are in service.
func TestATargetThatSomebodyTakesOutDuringTheRunIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		instance string // which is taken out
		when     string // when this instance was settled
		spoil    func(*world, *Config)
		runs     string
	}{
		"updated, the run goes on":   {"i-1", "i-1", func(_ *world, c *Config) { c.Policy.Batch = Size{Count: 3} }, newDigest},
		"updated, the run halts":     {"i-1", "i-1", func(*world, *Config) {}, newDigest},
		"updated, at the end":        {"i-4", "i-4", func(*world, *Config) {}, newDigest},
		"waiting, and it is updated": {"i-4", "i-1", func(_ *world, c *Config) { c.Policy.Batch = Size{Count: 2} }, newDigest},
		"never touched":              {"i-4", "i-1", func(w *world, _ *Config) { w.fail("start/i-2", "start/i-3") }, oldDigest},
		"unchanged":                  {"i-4", "i-1", func(w *world, _ *Config) { w.machines["i-4"].running = newDigest }, newDigest},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 4)
				c := w.config()
				test.spoil(w, &c)
				target := Target{groupA, test.instance, 8080}
				takeOut(w, &c, target, test.when, StepSettle)
				result, err := w.run(t.Context(), c)
				require.Error(t, err)
				assert.Equal(t, Orphaned, result.Outcome)
				for _, i := range result.Instances {
					assert.Equal(t, i.ID == test.instance, i.Outcome == OutOfService, i.ID)
					named := strings.Contains(i.Error, "out of its target groups (8080 in "+groupA+"), deregistered by somebody else")
					assert.Equal(t, i.ID == test.instance, named, i.Error)
				}
				assert.False(t, registered(w, target), "it was put back")
				assert.True(t, registered(w, Target{groupB, test.instance, 9090}))
				assert.Equal(t, test.runs, w.machines[test.instance].running)
				assert.Zero(t, w.failed)
			})
		})
	}
}

// TestWhatIsPutBackByItsOwnerIsInService: only the last look decides.
func TestWhatIsPutBackByItsOwnerIsInService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		c := w.config()
		c.Policy.Batch = Size{Count: 2}
		target := Target{groupA, "i-1", 8080}
		c.Observe = func(e Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			switch {
			case e.Instance == "i-1" && e.Step == StepSettle && e.Kind == StepDone:
				w.targets[target].draining = time.Now()
			case e.Instance == "i-1" && e.Kind == Remarked:
				w.targets[target] = &membership{since: time.Now()}
			}
		}
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.Contains(t, strings.Join(result.Remarks, "\n"), "i-1: out of its target groups (8080 in "+groupA+"), deregistered by somebody else")
	})
}

// TestWhatIsPutBackBeforeItsTurnIsInServiceAfterIt: the run takes out what its owner put back, so it registers it again, and
// so would recovery.
func TestWhatIsPutBackBeforeItsTurnIsInServiceAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.leaveGroupB()
		c := w.config()
		c.Policy.Batch = Size{Count: 2}
		target := Target{groupA, "i-4", 8080}
		out, back := false, false
		var left []Entry
		c.Observe = func(e Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			switch {
			case e.Instance == "i-1" && e.Step == StepSettle && e.Kind == StepDone:
				w.targets[target].draining = time.Now()
				out = true
			case out && !back && e.Instance == "i-4" && e.Kind == Remarked:
				w.targets[target] = &membership{since: time.Now()}
				back = true
			case e.Instance == "i-4" && e.Step == StepStop && e.Kind == StepBegun:
				left = c.Journal.(*memoryJournal).Entries()
				assert.False(t, registered(w, target), "it is stopped while it serves")
			}
		}
		result, err := w.run(t.Context(), c)
		require.True(t, back)
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.Equal(t, newDigest, w.machines["i-4"].running)
		assert.True(t, registered(w, target))
		assert.Contains(t, unrecovered(left)["i-4"].targets, target, "recovery would not register it")
		assert.Zero(t, w.failed)
	})
}

// TestARunEndedByASignalNamesWhatIsNotHealthyYet, and is over at once.
func TestARunEndedByASignalNamesWhatIsNotHealthyYet(t *testing.T) {
	for name, test := range map[string]struct {
		step    StepName
		unread  bool
		state   string
		unended bool // recovery has something left to do
	}{
		"in the join":                    {StepRegister, false, "initial (Elb.InitialHealthChecking)", true},
		"in the join, health unreadable": {StepRegister, true, "not seen", true},
		"in the drain":                   {StepDeregister, false, "initial (Elb.InitialHealthChecking)", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c := w.config()
				var signalled time.Time
				c.Observe = func(e Event) {
					if e.Instance == "i-1" && e.Step == test.step && e.Kind == StepDone {
						if test.unread {
							w.mu.Lock()
							w.faults["health"] = fault{hangs: true}
							w.mu.Unlock()
						}
						time.AfterFunc(time.Second, func() { signalled = time.Now(); cancel() })
					}
				}
				result, err := w.run(ctx, c)
				require.ErrorIs(t, err, context.Canceled)
				assert.LessOrEqual(t, time.Since(signalled), 3*time.Second)
				assert.Equal(t, Interrupted, result.Outcome)
				assert.Equal(t, test.state, result.Instances[0].NotHealthy)
				if !test.unread {
					assert.Empty(t, result.Instances[1].NotHealthy)
				}
				assert.Equal(t, test.unended, result.InDoubt)
			})
		})
	}
}

// TestAHaltedRunNamesWhatIsNotHealthy and was not before either.
func TestAHaltedRunNamesWhatIsNotHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		w.machines["i-5"].running = "" // was down
		w.fail("start/i-1", "start/i-2", "start/i-5")
		result, err := w.run(t.Context(), w.config())
		require.Error(t, err)
		assert.Equal(t, RolledBack, result.Outcome)
		assert.Equal(t, "unhealthy (Target.FailedHealthChecks)", result.Instances[4].NotHealthy)
	})
}

// TestRecoverySettlesWhatASignalLeftInTheJoin: the old container is kept until the new one serves, and no longer.
func TestRecoverySettlesWhatASignalLeftInTheJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		var cancel context.CancelFunc
		c := w.config()
		c.Observe = func(e Event) {
			if e.Instance == "i-1" && e.Step == StepJoin && e.Kind == StepBegun {
				cancel()
			}
		}
		ctx, first := context.WithCancel(t.Context())
		cancel = first
		result, err := w.run(ctx, c)
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, result.InDoubt)
		require.Equal(t, oldDigest, w.machines["i-1"].kept)

		journal := c.Journal.(*memoryJournal)
		dead := UnfinishedRun{Run: c.ID, Release: c.Release, Entries: journal.Entries()}
		ctx, second := context.WithCancel(t.Context())
		cancel = second
		result, err = w.do(func() (Result, error) { return Heal(ctx, c, dead) })
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, Interrupted, result.Outcome)
		assert.True(t, result.InDoubt)

		dead.Entries, cancel = journal.Entries(), func() {}
		result, err = w.do(func() (Result, error) { return Heal(t.Context(), c, dead) })
		require.NoError(t, err)
		assert.Equal(t, Healed, result.Outcome)
		assert.False(t, result.InDoubt)
		assert.Empty(t, w.machines["i-1"].kept)
		assert.Empty(t, unrecovered(journal.Entries()))
		w.requireServing("i-1", newDigest)
	})
}
