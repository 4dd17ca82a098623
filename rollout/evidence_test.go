package rollout

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// watch is what an instance had before it left: connections a second, by whose count, and for how long it was watched.
type watch struct {
	perSecond float64
	source    Source
	length    time.Duration
}

const watchedEnough = 62 * time.Second

// began is when the instances of these tests are deregistered.
var began = time.Unix(0, 0)

// watched returns the evidence of an instance that leaves after a watch, and the last count.
func watched(w watch) (*evidence, uint64) {
	e := &evidence{policy: DefaultPolicy().Drain}
	opened := uint64(0)
	for at := -w.length; at < 0; at += sampleInterval(e.policy.Quiet) {
		opened = uint64((at + w.length).Seconds() * w.perSecond)
		e.observe(began.Add(at), Traffic{Opened: opened, Source: w.source}, nil)
	}
	e.leave(began, 1)
	return e, opened
}

// feed samples an instance as the engine does, until it is drained.
func feed(before watch, sample func(at time.Duration) (Traffic, error)) (time.Duration, string) {
	e, opened := watched(before)
	for at := time.Duration(0); ; at += e.pause(began.Add(at)) {
		t, err := sample(at)
		t.Opened += opened
		e.observe(began.Add(at), t, err)
		if done, detail := e.drained(began.Add(at)); done {
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
	busy := watch{50, ServiceCount, watchedEnough}
	crowded := watch{50, KernelCount, watchedEnough}
	for name, c := range map[string]struct {
		before   watch
		sample   func(time.Duration) (Traffic, error)
		from, to time.Duration
	}{
		"busy, traffic leaves at once: the minimum":         {busy, service(50, 0, ServiceCount), 60 * second, 60 * second},
		"busy, traffic leaves a while before the lag":       {busy, service(50, 70*second, ServiceCount), 85 * second, 88 * second},
		"busy, traffic stays for the routing lag":           {busy, service(50, 118*second, ServiceCount), 121 * second, 124 * second},
		"busy, traffic stays longer than the lag":           {busy, service(50, 170*second, ServiceCount), 173 * second, 176 * second},
		"busy, traffic never leaves: the maximum":           {busy, service(50, time.Hour, ServiceCount), 300 * second, 300 * second},
		"busy, not watched: the lag":                        {watch{}, service(50, 47*second, ServiceCount), 120 * second, 120 * second},
		"busy, not watched for long enough: the lag":        {watch{50, ServiceCount, 50 * second}, service(50, 47*second, ServiceCount), 120 * second, 120 * second},
		"busy, the container starts anew: the lag":          {busy, anew(47 * second), 120 * second, 120 * second},
		"busy, one sample lacks a counter: the lag":         {busy, half(30*second, 33*second), 120 * second, 120 * second},
		"idle: silence proves nothing before the lag":       {watch{0, ServiceCount, watchedEnough}, service(0, 0, ServiceCount), 120 * second, 120 * second},
		"one a minute: the lag":                             {watch{1.0 / 60, ServiceCount, time.Hour}, service(1.0/60, 0, ServiceCount), 120 * second, 120 * second},
		"one a second: clients in each interval":            {watch{1, ServiceCount, watchedEnough}, service(1, 40*second, ServiceCount), 60 * second, 60 * second},
		"one in two seconds: too seldom, the lag":           {watch{0.4, ServiceCount, time.Hour}, service(0.5, 40*second, ServiceCount), 120 * second, 120 * second},
		"a long pause in the drain: three times as long":    {busy, pausing(20*second, 30*second, 47*second), 87 * second, 91 * second},
		"200 a second by the kernel's count: the lag":       {watch{200, KernelCount, watchedEnough}, service(200, 47*second, KernelCount), 120 * second, 120 * second},
		"kernel's count, few clients beside checks":         {watch{4, KernelCount, watchedEnough}, service(4, time.Hour, KernelCount), 120 * second, 120 * second},
		"kernel's count, none at all":                       {watch{0, KernelCount, watchedEnough}, service(0, 0, KernelCount), 120 * second, 120 * second},
		"kernel's count, busy, checks go on: the lag":       {crowded, service(0.5, time.Hour, KernelCount), 120 * second, 120 * second},
		"kernel's count, busy, clients stay for the lag":    {crowded, service(50, 118*second, KernelCount), 132 * second, 136 * second},
		"kernel's count, busy, clients stay longer":         {crowded, service(50, 170*second, KernelCount), 184 * second, 188 * second},
		"kernel's count, busy, clients never leave":         {crowded, service(50, time.Hour, KernelCount), 300 * second, 300 * second},
		"never readable: the lag":                           {watch{}, broken(time.Hour), 120 * second, 120 * second},
		"unreadable from the beginning, none were open":     {busy, broken(time.Hour), 120 * second, 120 * second},
		"unreadable at first: silence counts from then on":  {busy, broken(58 * second), 72 * second, 76 * second},
		"unreadable for a moment at the lag's end":          {busy, blinded(118*second, 123*second, 0), 134 * second, 139 * second},
		"unreadable in the end: the quiet period more":      {busy, blinded(118*second, time.Hour, 0), 131 * second, 135 * second},
		"unreadable in the end, one was open: the maximum":  {busy, blinded(118*second, time.Hour, 1), 300 * second, 300 * second},
		"not counted: the lag":                              {watch{}, uncounted(0), 120 * second, 120 * second},
		"not counted, one stays open: the maximum":          {watch{}, uncounted(time.Hour), 300 * second, 300 * second},
		"not counted, one is open until after the lag":      {watch{}, uncounted(150 * second), 163 * second, 168 * second},
		"a connection stays open: lengthened to the limit":  {busy, opened(time.Hour), 300 * second, 300 * second},
		"a connection stays open for a while, then silence": {busy, opened(80 * second), 93 * second, 97 * second},
	} {
		t.Run(name, func(t *testing.T) {
			at, detail := feed(c.before, c.sample)
			assert.GreaterOrEqual(t, at, c.from, detail)
			assert.LessOrEqual(t, at, c.to, detail)
		})
	}
}

// The documented process waits for its minimum, whatever is seen.
func TestFixedDrainLooksAtNoEvidence(t *testing.T) {
	e := evidence{policy: Drain{Fixed: true, Min: time.Minute, Max: time.Hour, Quiet: time.Hour}}
	e.leave(began, 1)
	e.observe(began.Add(59*time.Second), Traffic{Open: 9, Source: ServiceCount}, nil)
	assert.Equal(t, time.Second, e.pause(began.Add(59*time.Second)))
	done, _ := e.drained(began.Add(59 * time.Second))
	assert.False(t, done)
	done, _ = e.drained(began.Add(time.Minute))
	assert.True(t, done)
}

// In a fleet of two, the other instance's clients came here too while it was out. Once it is back, pauses are twice as long.
func TestPausesGrowWhenAnotherInstanceIsBack(t *testing.T) {
	drained := func(thinned float64) time.Duration {
		e := evidence{policy: DefaultPolicy().Drain}
		clients, length := pausing(20*time.Second, 32*time.Second, time.Hour), 80*time.Second
		for at := time.Duration(0); at < length; at += sampleInterval(e.policy.Quiet) {
			traffic, _ := clients(at)
			e.observe(began.Add(at-length), traffic, nil)
		}
		e.leave(began, thinned)
		for at := time.Duration(0); ; at += e.pause(began.Add(at)) {
			e.observe(began.Add(at), e.last, nil)
			if done, _ := e.drained(began.Add(at)); done {
				return at
			}
		}
	}
	assert.Equal(t, time.Minute, drained(1))
	assert.InDelta(t, 73, drained(2).Seconds(), 3)
}

// anew models a busy instance whose container is started again.
func anew(at time.Duration) func(time.Duration) (Traffic, error) {
	return func(now time.Duration) (Traffic, error) {
		t, err := service(50, at, ServiceCount)(now)
		if now > at {
			t.Opened -= 2000
		}
		return t, err
	}
}

// half models an instance that leaves at once, and whose samples lack the opened connections for a while.
func half(from, to time.Duration) func(time.Duration) (Traffic, error) {
	return func(at time.Duration) (Traffic, error) {
		if from <= at && at < to {
			return Traffic{Source: Uncounted}, nil
		}
		return Traffic{Source: ServiceCount}, nil
	}
}

// pausing models clients that pause once before they leave.
func pausing(from, to, last time.Duration) func(time.Duration) (Traffic, error) {
	return func(at time.Duration) (Traffic, error) {
		return service(50, last, ServiceCount)(at - min(max(0, at-from), to-from))
	}
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
		before watch
		sample func(time.Duration) (Traffic, error)
		want   string
	}{
		"by the service's count": {watch{50, ServiceCount, watchedEnough}, service(50, 47*time.Second, ServiceCount), "quiet after 1m3s: last new connection after 48s, 0 connections open"},
		"nobody came":            {watch{0, ServiceCount, watchedEnough}, service(0, 0, ServiceCount), "routing lag over after 2m0s: no new connection, 0 connections open"},
		"checks, or clients":     {watch{0.5, KernelCount, watchedEnough}, service(0.5, time.Hour, KernelCount), "routing lag over after 2m0s: new connections not told from health checks, 0 connections open"},
		"host networking":        {watch{}, uncounted(0), "routing lag over after 2m0s: new connections not counted, 0 connections open"},
		"cannot be read":         {watch{}, broken(time.Hour), "waited 2m0s for the routing lag: traffic no answer"},
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

// A sample costs the instance something. Where nobody comes, a few are enough, because the service's count misses nothing
// between two of them. The kernel's tables show only what is open at the time.
func TestSamplesAreRareWhereNobodyComes(t *testing.T) {
	samples := func(perSecond float64, source Source) (n int) {
		e := &evidence{policy: DefaultPolicy().Drain}
		for at := -200 * time.Second; ; at += e.pause(began.Add(at)) {
			if at >= 0 && e.leftAt.IsZero() {
				e.leave(began, 1)
			}
			n++
			e.observe(began.Add(at), Traffic{Opened: uint64((at + time.Hour).Seconds() * perSecond), Source: source}, nil)
			if done, _ := e.drained(began.Add(at)); at > 0 && done {
				return n
			}
		}
	}
	assert.LessOrEqual(t, samples(0, ServiceCount), 35)
	assert.GreaterOrEqual(t, samples(0, KernelCount), 200)
	assert.GreaterOrEqual(t, samples(5, ServiceCount), 320)
}

// The report says what the watch of each instance showed.
func TestDeregisterSaysWhatTheWatchShowed(t *testing.T) {
	for name, c := range map[string]struct {
		before watch
		want   string
	}{
		"busy":            {watch{50, ServiceCount, watchedEnough}, "clients in 41 of 41 samples before, at most 1.5s apart"},
		"idle":            {watch{0, ServiceCount, watchedEnough}, "clients in 0 of 41 samples before"},
		"by the kernel":   {watch{50, KernelCount, watchedEnough}, "clients not counted by the service"},
		"never looked at": {watch{}, "clients not watched before"},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := watched(c.before)
			assert.Equal(t, c.want, e.watched())
		})
	}
}
