package balancer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slow are the rules of a default group with factor 1 and two checkers.
func slow() rules {
	return rules{
		registerLag:    90 * time.Second,
		deregisterLag:  120 * time.Second,
		unhealthyLag:   15 * time.Second,
		delay:          300 * time.Second,
		healthyAfter:   2,
		unhealthyAfter: 2,
		checkers:       2,
	}
}

// life drives a target along a time line of seconds.
type life struct {
	*target
	start time.Time
}

func newLife(enter func(*target, rules, time.Time), r rules) *life {
	l := &life{&target{}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	enter(l.target, r, l.start)
	return l
}

func (l *life) at(seconds float64) time.Time {
	return l.start.Add(time.Duration(seconds * float64(time.Second)))
}

// checks lets both checkers observe from one second to another, every ten.
func (l *life) checks(passed bool, from, to float64) (falls int) {
	for s := from; s <= to; s += 10 {
		for checker := range l.votes {
			if l.observe(checker, passed, l.at(s)) {
				falls++
			}
		}
	}
	return falls
}

func (l *life) says(t *testing.T, seconds float64, state State, reason Reason, routedAndUp bool) {
	t.Helper()
	now := l.at(seconds)
	health := l.health(now)
	assert.Equal(t, state, health.State, "state at %vs", seconds)
	assert.Equal(t, reason, health.Reason, "reason at %vs", seconds)
	assert.Equal(t, health.Reason == "", health.Description == "", "description %q at %vs", health.Description, seconds)
	assert.Equal(t, routedAndUp, l.routed(now) && l.up(now), "gets connections at %vs", seconds)
}

func TestRegisteringTakesLongerThanTheAPISays(t *testing.T) {
	l := newLife((*target).register, slow())
	l.says(t, 0, Initial, RegistrationInProgress, false)
	l.checks(true, 5, 25) // before checks count
	l.says(t, 29.9, Initial, RegistrationInProgress, false)
	l.says(t, 30, Initial, InitialHealthChecking, false)
	l.checks(true, 31, 31)
	l.says(t, 32, Initial, InitialHealthChecking, false)
	l.checks(true, 41, 41)
	l.says(t, 41, Healthy, "", false)
	l.says(t, 89.9, Healthy, "", false)
	l.says(t, 90, Healthy, "", true)
}

func TestCheckersMustAgree(t *testing.T) {
	l := newLife((*target).enterService, slow())
	for s := 0.0; s < 100; s += 10 {
		assert.False(t, l.observe(0, false, l.at(s)))
		assert.False(t, l.observe(1, s != 50, l.at(s)), "one failure is below the threshold")
	}
	l.says(t, 100, Healthy, "", true)
	assert.False(t, l.observe(1, false, l.at(101)))
	assert.True(t, l.observe(1, false, l.at(111)), "both have failed twice in a row")
	l.says(t, 111, Unhealthy, FailedHealthChecks, true)
	l.says(t, 125.9, Unhealthy, FailedHealthChecks, true)
	l.says(t, 126, Unhealthy, FailedHealthChecks, false)
	l.checks(true, 130, 140)
	l.says(t, 140, Healthy, "", true)
}

func TestNeverHealthyBecomesUnhealthy(t *testing.T) {
	l := newLife((*target).register, slow())
	assert.Equal(t, 1, l.checks(false, 31, 200), "falls once")
	l.says(t, 200, Unhealthy, FailedHealthChecks, false)
	assert.True(t, l.routed(l.at(200)), "known to the data plane, for fail-open")
}

func TestDrainingTargetGetsConnectionsUntilTheLagIsOver(t *testing.T) {
	for _, delay := range []time.Duration{0, 30 * time.Second, 300 * time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			r := slow()
			l := newLife((*target).enterService, r)
			r.delay = delay
			l.deregister(r, l.at(10))
			l.checks(true, 11, 400)
			state, reason := Draining, DeregistrationInProgress
			if delay < 119*time.Second {
				state, reason = Unused, NotRegistered
			}
			l.says(t, 129.9, state, reason, true)
			l.says(t, 130, state, reason, false)
			l.says(t, 10+delay.Seconds(), Unused, NotRegistered, delay < 120*time.Second)
		})
	}
}

func TestDrainingTargetIsCheckedOn(t *testing.T) {
	l := newLife((*target).enterService, slow())
	l.deregister(slow(), l.at(0))
	l.checks(false, 10, 20)
	l.says(t, 34, Draining, DeregistrationInProgress, true)
	l.says(t, 36, Draining, DeregistrationInProgress, false)
	assert.Zero(t, l.checks(true, 300, 400), "no longer checked once unused")
	assert.Equal(t, Unhealthy, l.verdict)
}

func TestRegisteringAgainWhileDraining(t *testing.T) {
	t.Run("within the lag it keeps its connections", func(t *testing.T) {
		l := newLife((*target).enterService, slow())
		l.deregister(slow(), l.at(0))
		l.register(slow(), l.at(119))
		l.says(t, 119, Initial, RegistrationInProgress, true)
		l.says(t, 149, Initial, InitialHealthChecking, true)
		l.checks(true, 150, 160)
		l.says(t, 160, Healthy, "", true)
	})
	t.Run("unhealthy before, it stays out", func(t *testing.T) {
		l := newLife((*target).enterService, slow())
		l.checks(false, 0, 10)
		l.deregister(slow(), l.at(30))
		l.register(slow(), l.at(40))
		l.says(t, 40, Initial, RegistrationInProgress, false)
	})
	t.Run("and failing its checks it is given up", func(t *testing.T) {
		l := newLife((*target).enterService, slow())
		l.deregister(slow(), l.at(0))
		l.register(slow(), l.at(10))
		assert.Equal(t, 1, l.checks(false, 40, 50))
		l.says(t, 64, Unhealthy, FailedHealthChecks, true)
		l.says(t, 65, Unhealthy, FailedHealthChecks, false)
	})
	t.Run("after the lag it waits like a new one", func(t *testing.T) {
		l := newLife((*target).enterService, slow())
		l.deregister(slow(), l.at(0))
		l.register(slow(), l.at(120))
		l.checks(true, 150, 200)
		l.says(t, 209, Healthy, "", false)
		l.says(t, 210, Healthy, "", true)
	})
}

func TestDeregisteredBeforeItWasRouted(t *testing.T) {
	l := newLife((*target).register, slow())
	l.checks(true, 31, 41)
	l.deregister(slow(), l.at(50))
	l.says(t, 89, Draining, DeregistrationInProgress, false)
	l.says(t, 90, Draining, DeregistrationInProgress, true)
	l.says(t, 170, Draining, DeregistrationInProgress, false)
}

func TestUnhealthyDraining(t *testing.T) {
	r := slow()
	r.unhealthyDraining = 60 * time.Second
	l := newLife((*target).enterService, r)
	l.checks(false, 0, 10)
	l.says(t, 10, UnhealthyDraining, FailedHealthChecks, true)
	l.says(t, 70, Unhealthy, FailedHealthChecks, false)
}

// TestInBubble runs a whole load balancer with real lags, real checks over
// pipes, and no sockets.
func TestInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g := newPiped(t, Options{Factor: 1})
		service := addPiped(t, b, "i-1", "us-west-1a")
		require.NoError(t, b.Register(g.ARN, Endpoint{Instance: "i-1"}))

		states := func() (State, bool) {
			health, err := b.Health(g.ARN)
			require.NoError(t, err)
			if len(health) == 0 {
				return "", b.pickFirst(g.ARN) != nil
			}
			return health[0].State, b.pickFirst(g.ARN) != nil
		}
		expect := func(state State, gets bool) {
			t.Helper()
			synctest.Wait()
			gotState, gotGets := states()
			assert.Equal(t, state, gotState)
			assert.Equal(t, gets, gotGets, "gets connections")
		}
		expect(Initial, false)
		time.Sleep(51 * time.Second) // a third of the lag and two checks by each checker
		expect(Healthy, false)
		time.Sleep(39 * time.Second)
		expect(Healthy, true)
		assert.Greater(t, service.checks(), 8, "two checkers each 10 s")

		require.NoError(t, b.Deregister(g.ARN, Endpoint{Instance: "i-1", Port: 8080}))
		expect(Draining, true)
		time.Sleep(119 * time.Second)
		expect(Draining, true)
		time.Sleep(time.Second)
		expect(Draining, false)
		before := service.checks()
		time.Sleep(179 * time.Second)
		expect(Draining, false)
		assert.Greater(t, service.checks(), before+30, "checked on until unused")
		time.Sleep(time.Second)
		expect("", false)
		before = service.checks()
		time.Sleep(time.Minute)
		assert.Equal(t, before, service.checks(), "no checks of an unused target")
	})
}

func TestSlowAndFailingServiceInBubble(t *testing.T) {
	for name, sick := range map[string]func(*piped){
		"hangs":       func(s *piped) { s.hang.Store(true) },
		"answers 500": func(s *piped) { s.status.Store(500) },
		"refuses":     func(s *piped) { s.refuse.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, g := newPiped(t, Options{Factor: 1})
				good := addPiped(t, b, "i-good", "us-west-1a")
				bad := addPiped(t, b, "i-bad", "us-west-1b")
				require.NoError(t, b.RegisterInService(g.ARN, Endpoint{Instance: "i-good"}, Endpoint{Instance: "i-bad"}))
				assert.ElementsMatch(t, []string{"i-good", "i-bad"}, b.pickedOf(g.ARN))
				sick(bad)
				time.Sleep(27 * time.Second) // two failed checks by each checker, the last with its timeout
				synctest.Wait()
				health, err := b.Health(g.ARN, Endpoint{Instance: "i-bad"})
				require.NoError(t, err)
				assert.Equal(t, Unhealthy, health[0].State)
				time.Sleep(15 * time.Second)
				assert.Equal(t, []string{"i-good"}, b.pickedOf(g.ARN))

				good.status.Store(500)
				time.Sleep(50 * time.Second)
				assert.ElementsMatch(t, []string{"i-good", "i-bad"}, b.pickedOf(g.ARN), "fail-open")
			})
		})
	}
}
