package rollout

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// clientPattern returns the times at which clients open connections between two times, in order. Its phase is random, so
// that each drain is another one.
type clientPattern func(d *rand.Rand, from, to time.Duration) []time.Duration

func below(d *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(d.Int64N(int64(limit)))
}

// every lets a client come once in each period.
func every(period time.Duration) clientPattern {
	return func(d *rand.Rand, from, to time.Duration) (at []time.Duration) {
		for next := from + below(d, period); next < to; next += period {
			at = append(at, next)
		}
		return at
	}
}

// independent lets clients come independently of each other.
func independent(perSecond float64) clientPattern {
	return func(d *rand.Rand, from, to time.Duration) (at []time.Duration) {
		for next := from; ; at = append(at, next) {
			next += time.Duration(d.ExpFloat64() / perSecond * float64(time.Second))
			if next >= to {
				return at
			}
		}
	}
}

// bursts lets each client of a pattern open n connections at once.
func bursts(n int, clients clientPattern) clientPattern {
	return func(d *rand.Rand, from, to time.Duration) (at []time.Duration) {
		for _, t := range clients(d, from, to) {
			at = append(at, slices.Repeat([]time.Duration{t}, n)...)
		}
		return at
	}
}

// twice joins two independent copies of a pattern.
func twice(clients clientPattern) clientPattern {
	return func(d *rand.Rand, from, to time.Duration) []time.Duration {
		return slices.Sorted(slices.Values(append(clients(d, from, to), clients(d, from, to)...)))
	}
}

// onAndOff lets clients come for a time and stay away for as long, in turn.
func onAndOff(length time.Duration, clients clientPattern) clientPattern {
	return func(d *rand.Rand, from, to time.Duration) (at []time.Duration) {
		for begin := from - below(d, 2*length); begin < to; begin += 2 * length {
			at = append(at, clients(d, max(from, begin), min(begin+length, to))...)
		}
		return at
	}
}

// halved is the half of independent clients that stays once the other instance of two is back, 5 s before this one leaves.
func halved(perSecond float64) clientPattern {
	return func(d *rand.Rand, from, to time.Duration) []time.Duration {
		return append(independent(perSecond)(d, from, -5*time.Second), independent(perSecond/2)(d, -5*time.Second, to)...)
	}
}

// drainOf drains an instance as the engine does, after a watch of this length, and returns how long that takes. The load
// balancer routes to it for lag. Samples take up to a fifth of a second.
func drainOf(d *rand.Rand, clients clientPattern, open int, thinned float64, watch, lag time.Duration) time.Duration {
	e := evidence{policy: DefaultPolicy().Drain}
	arrivals, opened := clients(d, -watch, lag), 0
	sample := func(at time.Duration) {
		for opened < len(arrivals) && arrivals[opened] <= at {
			opened++
		}
		e.observe(began.Add(at), Traffic{Open: open, Opened: uint64(opened), Source: ServiceCount}, nil)
	}
	delay := func() time.Duration { return below(d, time.Second/5) }
	for at := -watch; at < 0; at += e.pause(began.Add(at)) + delay() {
		sample(at)
	}
	e.leave(began, thinned)
	for at := delay(); ; at += e.pause(began.Add(at)) + delay() {
		sample(at)
		if done, _ := e.drained(began.Add(at)); done {
			return at
		}
	}
}

// No drain ends while the load balancer still routes to the instance, whatever the clients do together, and at most one
// in 10,000 if they are independent of each other.
func TestNoDrainEndsWhileClientsAreRoutedTo(t *testing.T) {
	browser := bursts(6, every(12*time.Second))
	for name, c := range map[string]struct {
		clients clientPattern
		open    int
		thinned float64
		drains  int
	}{
		"a browser that opens six connections every 12 s":     {browser, 0, 1, 2000},
		"two browsers that open six connections every 12 s":   {twice(browser), 0, 1, 2000},
		"browsers that come every 12 s on average":            {bursts(6, independent(1.0/12)), 0, 1, 2000},
		"a pool of 50 that reopens every 30 s":                {bursts(50, every(30*time.Second)), 0, 1, 2000},
		"clients that are on for 20 s and off for 20 s":       {onAndOff(20*time.Second, independent(5)), 0, 1, 2000},
		"many clients on for 20 s and off for 20 s":           {onAndOff(20*time.Second, independent(50)), 0, 1, 2000},
		"one client a minute":                                 {every(time.Minute), 0, 1, 2000},
		"long-lived connections only":                         {independent(1e-9), 20, 1, 2000},
		"independent, one in five seconds":                    {independent(0.2), 0, 1, 10_000},
		"independent, one in two seconds":                     {independent(0.5), 0, 1, 10_000},
		"independent, 0.8 a second":                           {independent(0.8), 0, 1, 10_000},
		"independent, one a second":                           {independent(1), 0, 1, 10_000},
		"independent, two a second":                           {independent(2), 0, 1, 10_000},
		"independent, five a second":                          {independent(5), 0, 1, 10_000},
		"one a second, and half of it when the other is back": {halved(1), 0, 2, 10_000},
		"two a second, and half of it when the other is back": {halved(2), 0, 2, 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			d := rand.New(rand.NewPCG(1, 2))
			early := 0
			for range c.drains {
				watch, lag := below(d, 2*time.Minute), 5*time.Second+below(d, 113*time.Second)
				if drainOf(d, c.clients, c.open, c.thinned, watch, lag) < lag {
					early++
				}
			}
			assert.LessOrEqual(t, early, c.drains/10_000)
		})
	}
}

// What evidence is worth, where the load balancer routes for 50 s and the policy assumes 120 s.
func TestDrainsEndEarlyWhereClientsProveThatTheyLeft(t *testing.T) {
	for name, c := range map[string]struct {
		clients  clientPattern
		watch    time.Duration
		from, to float64
	}{
		"ten a second":                       {independent(10), 70 * time.Second, 65, 68},
		"two a second":                       {independent(2), 70 * time.Second, 65, 68},
		"one a second":                       {independent(1), 70 * time.Second, 70, 85},
		"two a second, not watched for long": {independent(2), 50 * time.Second, 120, 121},
		"one a minute":                       {every(time.Minute), 70 * time.Second, 120, 121},
	} {
		t.Run(name, func(t *testing.T) {
			d := rand.New(rand.NewPCG(3, 4))
			var sum time.Duration
			const drains = 1000
			for range drains {
				sum += drainOf(d, c.clients, 0, 1, c.watch, 50*time.Second)
			}
			mean := (sum / drains).Seconds()
			t.Logf("%.1f s on average", mean)
			assert.GreaterOrEqual(t, mean, c.from)
			assert.LessOrEqual(t, mean, c.to)
		})
	}
}
