package rollout

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// feed samples an instance as the engine does, until it is drained.
func feed(before rate, sample func(at time.Duration) (Traffic, error)) (time.Duration, string) {
	e := evidence{policy: DefaultPolicy().Drain, before: before}
	for at := time.Duration(0); ; at += e.pause(at) {
		t, err := sample(at)
		e.observe(at, t, err)
		if done, detail := e.drained(at); done {
			return at, detail
		}
	}
}

// service models a service's count: connections arrive at perSecond until last.
func service(perSecond float64, last time.Duration, source Source) func(time.Duration) (Traffic, error) {
	return func(at time.Duration) (Traffic, error) {
		return Traffic{Opened: uint64(min(at, last).Seconds() * perSecond), Source: source}, nil
	}
}

func TestDrainOnEvidence(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		before   rate
		sample   func(time.Duration) (Traffic, error)
		from, to time.Duration
	}{
		"busy, traffic leaves at once: the minimum":         {rate{50, ServiceCount}, service(50, 0, ServiceCount), 60 * second, 62 * second},
		"busy, traffic stays for the routing lag":           {rate{50, ServiceCount}, service(50, 118*second, ServiceCount), 119 * second, 122 * second},
		"busy, traffic stays longer than the lag":           {rate{50, ServiceCount}, service(50, 170*second, ServiceCount), 171 * second, 175 * second},
		"busy, traffic never leaves: the maximum":           {rate{50, ServiceCount}, service(50, time.Hour, ServiceCount), 300 * second, 302 * second},
		"idle: silence proves nothing before the lag":       {rate{0, ServiceCount}, service(0, 0, ServiceCount), 120 * second, 122 * second},
		"one a minute: the lag":                             {rate{1.0 / 60, ServiceCount}, service(1.0/60, 0, ServiceCount), 120 * second, 136 * second},
		"one a second: enough for the quiet period":         {rate{1, ServiceCount}, service(1, 40*second, ServiceCount), 60 * second, 62 * second},
		"200 a second: the quiet period":                    {rate{200, ServiceCount}, service(200, 47*second, ServiceCount), 61 * second, 65 * second},
		"200 a second by the kernel's count":                {rate{200, KernelCount}, service(200, 47*second, KernelCount), 61 * second, 65 * second},
		"one a second by the kernel's count, beside checks": {rate{1.2, KernelCount}, service(0.2, time.Hour, KernelCount), 300 * second, 302 * second},
		"one a minute by the kernel's count: the lag":       {rate{1.0 / 60, KernelCount}, service(1.0/60, time.Hour, KernelCount), 120 * second, 136 * second},
		"none at all by the kernel's count: the lag":        {rate{0, KernelCount}, service(0, 0, KernelCount), 120 * second, 122 * second},
		"kernel's count, busy, checks go on":                {rate{50, KernelCount}, service(0.5, time.Hour, KernelCount), 60 * second, 62 * second},
		"kernel's count, idle, checks go on: the lag":       {rate{0.5, KernelCount}, service(0.5, time.Hour, KernelCount), 120 * second, 122 * second},
		"kernel's count, busy, clients stay":                {rate{50, KernelCount}, service(50, 118*second, KernelCount), 119 * second, 122 * second},
		"never readable: the lag":                           {rate{50, ServiceCount}, broken(time.Hour), 120 * second, 122 * second},
		"unreadable at first: silence counts from then on":  {rate{50, ServiceCount}, broken(58 * second), 72 * second, 76 * second},
		"unreadable for a moment at the lag's end":          {rate{50, ServiceCount}, blinded(118*second, 123*second, 0), 123 * second, 130 * second},
		"unreadable in the end: the quiet period more":      {rate{50, ServiceCount}, blinded(118*second, time.Hour, 0), 131 * second, 135 * second},
		"unreadable in the end, one was open: the maximum":  {rate{50, ServiceCount}, blinded(118*second, time.Hour, 1), 300 * second, 302 * second},
		"not counted: the lag":                              {rate{}, func(time.Duration) (Traffic, error) { return Traffic{}, nil }, 120 * second, 122 * second},
		"not counted, one stays open: the maximum":          {rate{}, func(time.Duration) (Traffic, error) { return Traffic{Open: 1}, nil }, 300 * second, 302 * second},
		"not counted, one is open until after the lag":      {rate{}, uncounted(150 * second), 163 * second, 170 * second},
		"a connection stays open: lengthened to the limit":  {rate{50, ServiceCount}, opened(time.Hour), 300 * second, 302 * second},
		"a connection stays open for a while, then silence": {rate{50, ServiceCount}, opened(80 * second), 94 * second, 97 * second},
	} {
		t.Run(name, func(t *testing.T) {
			at, detail := feed(c.before, c.sample)
			assert.GreaterOrEqual(t, at, c.from, detail)
			assert.LessOrEqual(t, at, c.to, detail)
		})
	}
}

func TestFixedDrainLooksAtNoEvidence(t *testing.T) {
	e := evidence{policy: Drain{Fixed: true, Min: time.Minute, Max: time.Hour}}
	e.observe(59*time.Second, Traffic{Open: 9, Source: ServiceCount}, nil)
	done, _ := e.drained(59 * time.Second)
	assert.False(t, done)
	done, _ = e.drained(time.Minute)
	assert.True(t, done)
}

// TestLooksAreRareUntilSilenceDecides: an idle instance is looked at a few times,
// a busy one often from a quiet period before the minimum on.
func TestLooksAreRareUntilSilenceDecides(t *testing.T) {
	looks := func(e evidence, source Source) (at []time.Duration) {
		for now := time.Duration(0); ; now += e.pause(now) {
			at = append(at, now)
			e.observe(now, Traffic{Source: source}, nil)
			if done, _ := e.drained(now); done {
				return at
			}
		}
	}
	policy := DefaultPolicy().Drain
	idle := looks(evidence{policy: policy}, ServiceCount)
	assert.Equal(t, []time.Duration{0, time.Minute, 105 * time.Second, 112500 * time.Millisecond, 2 * time.Minute}, idle)
	assert.Len(t, looks(evidence{policy: policy}, KernelCount), 13, "it misses what opens and ends between two looks")
	busy := looks(evidence{policy: policy, before: rate{perSecond: 5}}, ServiceCount)
	assert.Equal(t, []time.Duration{0, 45 * time.Second}, busy[:2])
	assert.Equal(t, time.Minute, busy[len(busy)-1])
	assert.Len(t, busy, 12)
	policy.Fixed = true
	assert.Equal(t, []time.Duration{0, time.Minute}, looks(evidence{policy: policy}, ServiceCount))
	assert.Equal(t, []time.Duration{0, 5 * time.Minute}, looks(evidence{policy: Drain{Fixed: true, Min: 5 * time.Minute, Quiet: 1}}, ServiceCount))
}

func TestMeasureDoesNotMixCounts(t *testing.T) {
	_, proven := measure(Traffic{Opened: 5, Source: KernelCount}, Traffic{Opened: 500, Source: ServiceCount}, time.Second)
	assert.False(t, proven, "two sources")
	_, proven = measure(Traffic{Opened: 500, Source: ServiceCount}, Traffic{Opened: 5, Source: ServiceCount}, time.Second)
	assert.False(t, proven, "the container restarted")
	r, proven := measure(Traffic{Opened: 5, Source: ServiceCount}, Traffic{Opened: 25, Source: ServiceCount}, 2*time.Second)
	assert.True(t, proven)
	assert.InDelta(t, 10, r.perSecond, 0.01)
}

func broken(until time.Duration) func(time.Duration) (Traffic, error) {
	return func(at time.Duration) (Traffic, error) {
		if at < until {
			return Traffic{}, errors.New("no answer")
		}
		return Traffic{Source: ServiceCount}, nil
	}
}

func uncounted(until time.Duration) func(time.Duration) (Traffic, error) {
	return func(at time.Duration) (Traffic, error) { return Traffic{Open: btoi(at < until)}, nil }
}

// The detail says what was seen, and no more.
func TestDrainSaysWhatItSaw(t *testing.T) {
	for name, c := range map[string]struct {
		before rate
		sample func(time.Duration) (Traffic, error)
		want   string
	}{
		"by the service's count": {rate{50, ServiceCount}, service(50, 47*time.Second, ServiceCount), "quiet after 1m3s: last new connection after 48s, 0 connections open"},
		"nobody came":            {rate{0, ServiceCount}, service(0, 0, ServiceCount), "routing lag over after 2m0s: no new connection, 0 connections open"},
		"checks, or clients":     {rate{0.5, KernelCount}, service(0.5, time.Hour, KernelCount), "routing lag over after 2m0s: new connections not told from health checks, 0 connections open"},
		"host networking":        {rate{}, uncounted(0), "waited 2m0s for the routing lag: traffic not counted"},
		"cannot be read":         {rate{}, broken(time.Hour), "waited 2m0s for the routing lag: traffic no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			_, detail := feed(c.before, c.sample)
			assert.Equal(t, c.want, detail)
		})
	}
}

// blinded models a busy instance whose count cannot be read for a while.
func blinded(from, to time.Duration, open int) func(time.Duration) (Traffic, error) {
	busy := service(50, from, ServiceCount)
	return func(at time.Duration) (Traffic, error) {
		if from <= at && at < to {
			return Traffic{}, errors.New("no answer")
		}
		t, err := busy(at)
		if at < from {
			t.Open = open
		}
		return t, err
	}
}

func opened(until time.Duration) func(time.Duration) (Traffic, error) {
	return func(at time.Duration) (Traffic, error) {
		if at < until {
			return Traffic{Open: 1, Source: ServiceCount}, nil
		}
		return Traffic{Source: ServiceCount}, nil
	}
}

// A rate that was never measured is not said to be none.
func TestPrepareSaysThatTrafficWasNotMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, said := newWorld(t, 3), ""
		c := w.config()
		c.Observe = func(e Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			switch {
			case e.Instance != "i-1" || e.Step != StepPrepare:
			case e.Kind == StepMoved:
				w.faults["traffic/i-1"] = fault{err: errFault}
			case e.Kind == StepDone:
				said = e.Detail
			}
		}
		_, _ = w.run(t.Context(), c)
		assert.Equal(t, "traffic not measured", said)
	})
}
