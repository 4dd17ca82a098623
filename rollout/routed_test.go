package rollout

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A run that begins right after another one, on a fleet of two: the load balancer calls the instance healthy that the
// other run registered last, and does not route to it yet.
func TestRunWaitsForWhatAnEarlierRunRegistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		registered := time.Now().Add(-55 * time.Second)
		for _, target := range []Target{{groupA, "i-2", 8080}, {groupB, "i-2", 9090}} {
			w.targets[target] = &membership{since: registered}
		}
		c := w.config()
		c.ActedUntil = registered
		var left time.Time
		c.Observe = func(e Event) {
			if e.Step == StepDeregister && e.Kind == StepDone && left.IsZero() {
				left = time.Now()
			}
		}
		_, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, left.Sub(registered), c.Policy.Drain.Lag, "the other one left before")
	})
}

// The first look of a run is not one at answers that describe the targets before the last act of another run.
func TestRunLooksWhenAnswersShowTheLastAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		c.ActedUntil = time.Now()
		var looked time.Duration
		began := time.Now()
		c.Observe = func(Event) {
			if len(w.asked) > 0 && looked == 0 {
				looked = time.Since(began)
			}
		}
		_, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, looked, answersLag)
	})
}

// TestARegistrationThatIsMadeAgainIsInTheJournal: the ledger counts the routing lag of the next run from the outcome of the
// last registration, so that one which is made again while the instance joins needs an outcome of its own.
func TestARegistrationThatIsMadeAgainIsInTheJournal(t *testing.T) {
	for name, refused := range map[string]int{"applied": 0, "refused at first": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				c := w.config()
				journal := &memoryJournal{}
				c.Journal = journal
				target := Target{groupA, "i-2", 8080}
				c.Observe = func(e Event) {
					if e.Instance == "i-2" && e.Step == StepRegister && e.Kind == StepDone {
						w.mu.Lock()
						defer w.mu.Unlock()
						w.targets[target].draining = time.Now()
						if refused > 0 {
							w.faults["register/i-2"] = fault{err: errFault, times: refused}
						}
					}
				}
				_, err := w.run(t.Context(), c)
				require.NoError(t, err)
				require.True(t, registered(w, target))
				outcomes := slices.DeleteFunc(journal.Entries(), func(e Entry) bool {
					return e.Instance != "i-2" || e.Step != StepRegister || e.Mark != Done && e.Mark != Failed
				})
				require.Len(t, outcomes, 2+refused)
				assert.False(t, outcomes[len(outcomes)-1].Time.Before(w.targets[target].since), "it is older than the registration")
			})
		})
	}
}

// TestAFailedWayBackClosesWithItsRegistration: the instance keeps the new release and was registered again, by a call that was
// in doubt at first. Its closing entry is the outcome from which the ledger counts the routing lag of the next run.
func TestAFailedWayBackClosesWithItsRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		c.Policy.Rollback, c.Policy.Failures = true, 0
		journal := &memoryJournal{}
		c.Journal = journal
		w.fail("start/i-2")
		c.Observe = func(e Event) {
			if e.Instance == "i-2" && e.Step == StepStart && e.Kind == StepFailed {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.faults["stop/i-1"] = fault{err: errFault, times: 1}
				w.faults["register/i-1"] = fault{err: errFault, times: 1}
			}
		}
		_, err := w.run(t.Context(), c)
		require.Error(t, err)
		w.requireServing("i-1", newDigest)
		entries := journal.Entries()
		last := entries[len(entries)-1]
		assert.Equal(t, []any{"i-1", StepDeregister, Undone}, []any{last.Instance, last.Step, last.Mark})
	})
}

// A newcomer takes the place of an instance while a run goes on. It is healthy before the load balancer routes to it.
func TestNewcomerIsNoCapacityBeforeItIsRoutedTo(t *testing.T) {
	u := newUnknownTargets([]Instance{{ID: "i-1"}})
	synctest.Test(t, func(t *testing.T) {
		report := &reporter{}
		old := TargetHealth{Target: Target{groupA, "i-8", 8080}, State: TargetHealthy}
		checked := TargetHealth{Target: Target{groupA, "i-9", 8080}, State: TargetInitial}
		late := TargetHealth{Target: Target{groupA, "i-10", 8080}, State: TargetHealthy}
		u.find(Health{old, checked}, report)
		began := time.Now()
		time.Sleep(time.Minute)
		u.find(Health{old, checked, late}, report)
		assert.Equal(t, []member{
			{Instance: Instance{ID: "i-9"}, routedAt: began.Add(routingLag)},
			{Instance: Instance{ID: "i-10"}, routedAt: time.Now().Add(routingLag)},
		}, u.members(routingLag))
	})
}

// The load balancer has no result for a target that serves all the same, so that taking it out costs capacity.
func TestUnavailableTargetCostsCapacity(t *testing.T) {
	health, members := places([]int{8080}, []int{8080})
	rule := ruleOf(members, health)
	unknown := func(h *TargetHealth) { h.State = TargetUnavailable }
	both := set(set(health, "i-1", 8080, unknown), "i-2", 8080, ill)
	require.ErrorContains(t, rule.shortfall(both, members, members[:1], time.Time{}), "would keep 0 healthy targets, the floor is 1")
	require.NoError(t, rule.shortfall(both, members, members[1:], time.Time{}), "what is unhealthy costs nothing")
}

// A call of Register that failed may be applied later, so that the load balancer routes to the instance later, too.
func TestFailedRegistrationIsRoutedToLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.faults["register/i-1"] = fault{err: errFault, times: 1}
		r := newRegistration(w, "i-1", nil, w.timing)
		r.complete()
		lag := DefaultPolicy().Drain
		require.Error(t, r.register(t.Context(), r.targets))
		assert.Equal(t, time.Now().Add(doubtTime+lag.Lag), r.routedAt(lag))
		require.NoError(t, r.register(t.Context(), r.targets))
		assert.Equal(t, time.Now().Add(lag.Lag), r.routedAt(lag))
	})
}
