package rollout

import (
	"errors"
	"slices"
	"time"
)

// arrival decides from samples when clients reach an instance as they did before it drained. It holds no clock: all times
// are counted from when the load balancer called the instance healthy.
type arrival struct {
	before rate
	window time.Duration // over which the present rate is measured

	samples []sample // the first one, and those of the window
	blind   error    // why the last failed sample failed
}

// sample is a count with its time.
type sample struct {
	at time.Duration
	Traffic
}

var errUncounted = errors.New("connections are not counted there")

// observe adds one sample, or the error that there is instead of one. If a count began again at zero, as after a restart,
// the samples before it are dropped.
func (a *arrival) observe(at time.Duration, t Traffic, err error) {
	switch {
	case err != nil:
		a.blind = err
		return
	case t.Source == Uncounted:
		a.blind = errUncounted
		return
	}
	if len(a.samples) > 0 && (t.Source != a.samples[0].Source || t.Opened < a.samples[0].Opened) {
		a.samples = nil
	}
	a.samples = append(a.samples, sample{at, t})
	for len(a.samples) > 2 && at-a.samples[1].at > a.window {
		a.samples = slices.Delete(a.samples, 1, 2)
	}
}

// proven reports whether [proof] connections have arrived, and at half the rate before at least if the count includes
// health checks. Connections from before the load balancer called the instance healthy are not counted, because they may
// have been meant for the old container.
func (a *arrival) proven() bool {
	if len(a.samples) < 2 {
		return false
	}
	first, last := a.samples[0], a.samples[len(a.samples)-1]
	if _, enough := measure(first.Traffic, last.Traffic, last.at-first.at); !enough {
		return false
	}
	if last.Source == ServiceCount {
		return true
	}
	from := a.samples[1]
	if len(a.samples) == 2 {
		from = first
	}
	now, _ := measure(from.Traffic, last.Traffic, last.at-from.at)
	return now.perSecond >= a.before.perSecond/2
}

// source returns whose count the last sample is.
func (a *arrival) source() Source {
	if len(a.samples) == 0 {
		return Uncounted
	}
	return a.samples[len(a.samples)-1].Source
}
