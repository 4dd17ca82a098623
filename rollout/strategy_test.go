package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// guard refuses from its n-th question on.
type guard struct{ left int }

func (g *guard) Name() string { return "test" }
func (g *guard) Check(context.Context) error {
	if g.left--; g.left < 0 {
		return errFault
	}
	return nil
}

func TestCanariesBakeBeforeTheRestFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		c := w.config()
		c.Policy.Canary, c.Policy.Bake, c.Policy.Batch = 1, 10*time.Minute, Size{Count: 2}
		var left []time.Time
		c.Observe = func(e Event) {
			if e.Step == StepDeregister && e.Kind == StepBegun {
				left = append(left, e.Time)
			}
		}
		plan, err := MakePlan(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, [][]string{{"i-1"}, {"i-2", "i-3"}, {"i-4", "i-5"}}, plan.Batches)
		assert.InDelta(t, 42, plan.ETA.Minutes(), 1, "the last batch bakes too")

		_, err = w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Greater(t, left[1].Sub(left[0]), 10*time.Minute, "the canary bakes")
		assert.Less(t, left[2].Sub(left[1]), time.Minute, "a batch leaves together")
	})
}

// TestMoreCanariesThanABatchHolds: they go in batches, as the floor has it.
func TestMoreCanariesThanABatchHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		c := w.config()
		c.Policy.Canary, c.Policy.Batch = 3, Size{Count: 2}
		plan, err := MakePlan(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, [][]string{{"i-1", "i-2"}, {"i-3"}, {"i-4", "i-5"}}, plan.Batches)
		c.Policy.Canary = 50
		plan, err = MakePlan(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, [][]string{{"i-1", "i-2"}, {"i-3", "i-4"}, {"i-5"}}, plan.Batches)
	})
}

func TestACanaryThatFailsHalts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.faults["prove/i-1"] = fault{err: errFault}
		c := w.config()
		c.Policy.Canary, c.Policy.Failures = 1, 3
		result, err := w.run(t.Context(), c)
		require.ErrorContains(t, err, "halted, a canary failed: i-1: prove: injected")
		assert.Equal(t, RolledBack, result.Outcome)
		assert.Equal(t, []InstanceOutcome{Restored, Pending, Pending, Pending}, outcomes(result))
		assert.Zero(t, w.failed)
	})
}

// TestABatchThatBroughtNothingNewDoesNotBake: there is nothing to watch.
func TestABatchThatBroughtNothingNewDoesNotBake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.faults["prove/i-1"] = fault{err: errFault}
		c := w.config()
		c.Policy.Bake = 3 * time.Hour
		result, err := w.run(t.Context(), c)
		require.Error(t, err)
		assert.Equal(t, []InstanceOutcome{Restored, Updated}, outcomes(result))
		assert.InDelta(t, 3, result.Finished.Sub(result.Started).Hours(), 0.5, "one bake, not two")
	})
}

// TestAnInstanceThatFailsLaterHalts: the canary joins, and is unhealthy a while
// later. The fleet has no capacity for the rest, and goes back.
func TestAnInstanceThatFailsLaterHalts(t *testing.T) {
	for name, c := range map[string]struct {
		fleet    int
		rollback bool
		outcomes []InstanceOutcome
		outcome  Outcome
	}{
		"and the fleet goes back":      {3, true, []InstanceOutcome{Restored, Pending, Pending}, RolledBack},
		"and is said to be lost":       {3, false, []InstanceOutcome{OutOfService, Pending, Pending}, Orphaned},
		"the last one, at the end too": {1, false, []InstanceOutcome{OutOfService}, Orphaned},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, c.fleet)
				config := w.config()
				config.Policy.Bake, config.Policy.Rollback, config.Policy.Downtime = 10*time.Minute, c.rollback, c.fleet == 1
				config.Observe = func(e Event) {
					if e.Kind == InstanceEnded && e.Instance == "i-1" {
						time.AfterFunc(3*time.Minute, func() {
							w.mu.Lock()
							defer w.mu.Unlock()
							w.machines["i-1"].healthOK = false
						})
					}
				}
				result, err := w.run(t.Context(), config)
				require.Error(t, err)
				assert.Equal(t, c.outcomes, outcomes(result))
				assert.Equal(t, c.outcome, result.Outcome)
				if c.outcome == Orphaned {
					assert.Contains(t, result.Instances[0].Error, "does not call it healthy any more")
				}
			})
		})
	}
}

// TestAFleetGoesBackAsItCame: with zones alternating, or the last healthy target of
// one could not leave.
func TestAFleetGoesBackAsItCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		for id, zone := range map[string]string{"i-1": "a", "i-2": "a", "i-3": "b", "i-4": "b"} {
			w.machines[id].zone = zone
		}
		for i := range w.timing {
			w.timing[i].CrossZone = false
		}
		c := w.config()
		c.Policy.Batch, c.Policy.Rollback = Size{Count: 2}, true
		c.Guards = []Gate{&guard{1}}
		result, err := w.run(t.Context(), c)
		require.ErrorContains(t, err, "halted: guard")
		assert.Equal(t, []InstanceOutcome{Restored, Restored, Restored, Restored}, outcomes(result))
		assert.Zero(t, w.failed)
	})
}

// TestAnInstanceThatRunsTheReleaseUnhealthily is left alone, looked at for a while,
// and then said to be out of service: that the fleet runs the release is not enough.
func TestAnInstanceThatRunsTheReleaseUnhealthily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		for _, id := range w.order {
			w.machines[id].running = newDigest
		}
		w.machines["i-2"].healthOK = false
		result, err := w.run(t.Context(), w.config())
		require.EqualError(t, err, "i-2: it runs the release, and the load balancer does not call it healthy")
		assert.Equal(t, Orphaned, result.Outcome)
		assert.Empty(t, result.Remarks)
		assert.Equal(t, []InstanceOutcome{Unchanged, OutOfService}, outcomes(result))

		time.AfterFunc(3*time.Minute, func() { w.mu.Lock(); w.machines["i-2"].healthOK = true; w.mu.Unlock() })
		result, err = w.run(t.Context(), w.config())
		require.NoError(t, err)
		assert.Equal(t, UnchangedRun, result.Outcome)
	})
}

// TestASignalDoesNotMakeTheIllWell: it comes while the last look is repeated.
func TestASignalDoesNotMakeTheIllWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		ctx, cancel := context.WithCancel(t.Context())
		c.Observe = func(e Event) {
			if e.Kind == InstanceEnded && e.Instance == "i-2" {
				w.mu.Lock()
				w.machines["i-1"].healthOK = false
				w.mu.Unlock()
				time.AfterFunc(time.Minute, cancel)
			}
		}
		result, err := w.run(ctx, c)
		require.ErrorContains(t, err, "does not call it healthy any more")
		assert.Equal(t, Orphaned, result.Outcome)
		assert.Equal(t, []InstanceOutcome{OutOfService, Updated}, outcomes(result))
		assert.Empty(t, result.Remarks)
	})
}

// TestAJournalThatFailsIsNoLackOfCapacity: the fleet does not go back for it.
func TestAJournalThatFailsIsNoLackOfCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, journal, c := lateLeave(t, func() {})
		c.Policy.Rollback = true
		c.Journal = recorder(func(ctx context.Context, e Entry) error {
			if e.Closes() && e.Instance == "i-1" {
				return errFault
			}
			return journal.Record(ctx, e)
		})
		result, err := w.run(t.Context(), c)
		require.ErrorContains(t, err, "journal that it is back: injected")
		assert.NotContains(t, err.Error(), "halted")
		assert.Equal(t, []InstanceOutcome{Restored, Pending, Pending}, outcomes(result))
	})
}

func TestAGuardHaltsTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		rollback bool
		asked    int
		outcomes []InstanceOutcome
		outcome  Outcome
	}{
		"and the rest stays":                   {false, 1, []InstanceOutcome{Updated, Updated, Pending}, Mixed},
		"and the fleet goes back":              {true, 1, []InstanceOutcome{Restored, Restored, Pending}, RolledBack},
		"after the last, a remark":             {false, 2, []InstanceOutcome{Updated, Updated, Updated}, Deployed},
		"after the last, and it all goes back": {true, 2, []InstanceOutcome{Restored, Restored, Restored}, RolledBack},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				config := w.config()
				config.Policy.Rollback, config.Guards = c.rollback, []Gate{&guard{c.asked}}
				result, _ := w.run(t.Context(), config)
				assert.Equal(t, c.outcomes, outcomes(result))
				assert.Equal(t, c.outcome, result.Outcome)
				assert.Zero(t, w.failed)
			})
		})
	}
}

// TestAWatchEndsTheBakeEarly: an alarm that rings in the second minute of ten
// halts the run then, also where it would be silent again at the end.
func TestAWatchEndsTheBakeEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		c.Policy.Bake = 10 * time.Minute
		var served time.Time
		c.Observe = func(e Event) {
			if e.Kind == InstanceEnded {
				served = e.Time
			}
		}
		alarm := &ringing{served: &served, from: 90 * time.Second, to: 2 * time.Minute}
		c.Watches = []Gate{alarm}
		result, err := w.run(t.Context(), c)
		require.ErrorContains(t, err, "halted: guard alarm: it rings")
		assert.Equal(t, []InstanceOutcome{Updated, Pending, Pending}, outcomes(result))
		assert.Less(t, result.Finished.Sub(served), 2*time.Minute)
		assert.Zero(t, w.failed)
	})
}

// TestABakeThatIsBrokenOffIsNoHalt: a signal while a watch is asked.
func TestABakeThatIsBrokenOffIsNoHalt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		c.Policy.Bake, c.Policy.Rollback = 10*time.Minute, true
		ctx, cancel := context.WithCancelCause(t.Context())
		c.Watches = []Gate{asker(func() error { cancel(errFault); return errFault })}
		result, err := w.run(ctx, c)
		require.ErrorContains(t, err, "broken off")
		assert.Equal(t, Interrupted, result.Outcome)
		assert.Equal(t, []InstanceOutcome{Updated, Pending, Pending}, outcomes(result))
	})
}

type asker func() error

func (asker) Name() string                  { return "test" }
func (a asker) Check(context.Context) error { return a() }

// ringing is an alarm that rings for a while after an instance ended.
type ringing struct {
	served   *time.Time
	from, to time.Duration
}

func (*ringing) Name() string { return "alarm" }
func (a *ringing) Check(context.Context) error {
	if since := time.Since(*a.served); since >= a.from && since < a.to {
		return errors.New("it rings")
	}
	return nil
}

func TestZonesAlternate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		for id, zone := range map[string]string{"i-1": "a", "i-2": "a", "i-3": "b", "i-4": "b"} {
			w.machines[id].zone = zone
		}
		plan, err := MakePlan(t.Context(), w.config())
		require.NoError(t, err)
		assert.Equal(t, [][]string{{"i-1"}, {"i-3"}, {"i-2"}, {"i-4"}}, plan.Batches)
	})
}

func TestAPolicyThatTheTargetGroupsMakeImpossibleIsRefused(t *testing.T) {
	for says, breakIt := range map[string]func(*Timing){
		"5 checks at 1m0s 5m0s, 7m0s together": func(t *Timing) { t.Interval, t.HealthyThreshold = time.Minute, 5 },
		"drain.min=1m0s cannot work":           func(t *Timing) { t.Terminates, t.Delay = true, 50*time.Second },
		"its deregistration delay of 2m0s":     func(t *Timing) { t.Terminates, t.Delay = true, 2*time.Minute },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			breakIt(&w.timing[1])
			c := w.config()
			c.Policy.Drain.Fixed = strings.HasPrefix(says, "drain.min")
			result, err := w.run(t.Context(), c)
			require.ErrorContains(t, err, says)
			assert.Equal(t, Refused, result.Outcome)
			w.requireServing("i-1", oldDigest)
		})
	}
}

func TestNewcomersAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		c.Instances = c.Instances[:2]
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Contains(t, result.Remarks[0], "i-3 is registered in")
		assert.Equal(t, []string{"i-3"}, result.Newcomers)
		w.requireServing("i-3", oldDigest)
	})
}

// TestANewcomerOfTheLastMinuteIsNamed: it registers while the last instance joins.
func TestANewcomerOfTheLastMinuteIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		late := Target{groupA, "i-3", 8080}
		delete(w.targets, late)
		delete(w.targets, Target{groupB, "i-3", 9090})
		c := w.config()
		c.Instances = c.Instances[:2]
		c.Observe = func(e Event) {
			if e.Instance == "i-2" && e.Step == StepRegister && e.Kind == StepDone {
				require.NoError(t, w.Register(context.WithoutCancel(t.Context()), []Target{late}))
			}
		}
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.Equal(t, []string{"i-3"}, result.Newcomers)
	})
}
