package rollout

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// draining is an instance that has just been deregistered, and that was busy before.
func draining(w *world, m *machine) *instanceUpdate {
	u := newInstanceUpdate(newSession(w.config()), Instance{ID: "i-1"})
	u.meter.service = &fakeHost{w, m}
	e := &u.meter.evidence
	e.intervals, e.busy, e.lastAt, e.last = watchedIntervals, watchedIntervals, time.Now(), Traffic{Source: ServiceCount}
	u.registration.deregisteredAt = time.Now()
	return u
}

// A client that connects just before the sample that would end a drain keeps it open.
func TestDrainSeesWhoIsConnectedAtTheEnd(t *testing.T) {
	for _, from := range []time.Duration{57, 58, 59, 60} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1)
			m := w.machines["i-1"]
			u := draining(w, m)
			set := func(open int) func() { return func() { w.mu.Lock(); m.open = open; w.mu.Unlock() } }
			time.AfterFunc(from*time.Second-time.Millisecond, set(1))
			time.AfterFunc(80*time.Second, set(0))
			detail, err := u.awaitQuiet(t.Context(), StepDrain)
			assert.NoError(t, err)
			assert.GreaterOrEqual(t, time.Since(u.registration.deregisteredAt), 80*time.Second, detail)
			synctest.Wait()
		})
	}
}

// What was last seen to be open is cut, also where nothing can be seen at the end.
func TestDrainSaysWhatItCutWhenItIsBlindAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		m := w.machines["i-1"]
		m.open = 3
		time.AfterFunc(290*time.Second, func() { w.mu.Lock(); w.faults["traffic/i-1"] = fault{err: errFault}; w.mu.Unlock() })
		u := draining(w, m)
		detail, err := u.awaitQuiet(t.Context(), StepDrain)
		assert.NoError(t, err)
		assert.Contains(t, detail, "3 connections cut")
	})
}
