package rollout

import (
	"context"
	"errors"
	"time"
)

// trafficMeter counts the connections of one instance, and measures how often clients opened one before it drains.
type trafficMeter struct {
	drain   Drain
	service Service // nil if there is no connection to the instance
	serving bool    // a container ran when the run began
	// early is set if the rate is measured while the instance prepares, because it is the next to leave.
	early bool

	first   Traffic   // the sample that the rate is measured from
	firstAt time.Time // zero: there is none
	rate    rate      // what was measured since first
}

var errUnreachable = errors.New("the instance cannot be reached")

// sample returns the instance's traffic. Its time is bounded, because an instance that does not answer is no evidence.
func (m *trafficMeter) sample(ctx context.Context) (Traffic, error) {
	if m.service == nil {
		return Traffic{}, errUnreachable
	}
	ctx, cancel := context.WithTimeout(ctx, max(time.Second, m.drain.Quiet))
	defer cancel()
	return m.service.Traffic(ctx)
}

// start takes the sample that the rate is measured from. Without one the rate stays unmeasured, which only lengthens
// the drain.
func (m *trafficMeter) start(ctx context.Context) {
	if m.drain.Fixed || !m.serving {
		return
	}
	t, err := m.sample(ctx)
	if err != nil || t.Source == Uncounted {
		return
	}
	m.first, m.firstAt = t, time.Now()
}

// measure measures the rate since the first sample, and reports whether no further sample is needed: the rate is
// proven, or cannot be measured.
func (m *trafficMeter) measure(ctx context.Context) bool {
	if m.drain.Fixed || m.firstAt.IsZero() {
		return true
	}
	t, err := m.sample(ctx)
	if err != nil {
		return false
	}
	measured, proven := measure(m.first, t, time.Since(m.firstAt))
	m.rate = measured
	return proven
}

// await measures until the rate is proven, for the quiet period at most, so that a busy instance may drain on evidence.
// The instances of a batch are measured at the same time, while they serve. It returns a sentence with the rate.
func (m *trafficMeter) await(ctx context.Context) (string, error) {
	if m.firstAt.IsZero() {
		return m.rate.String(), nil
	}
	for !m.measure(ctx) && time.Since(m.firstAt) < m.drain.Quiet {
		if err := sleep(ctx, min(m.untilProven(), m.drain.Quiet-time.Since(m.firstAt))); err != nil {
			return "", err
		}
	}
	return m.rate.String(), nil
}

// refresh measures the rate shortly before the instance leaves. A first sample that is older than maxAge is taken anew,
// because the traffic of an hour ago, or of a time when other instances were out, proves nothing.
func (m *trafficMeter) refresh(ctx context.Context, maxAge time.Duration) {
	stale := time.Since(m.firstAt) > maxAge
	if stale {
		m.start(ctx)
	}
	if stale || !m.early {
		_, _ = m.await(ctx) // a rate that could not be measured only lengthens the drain
	}
}

// untilProven returns when to sample again: when the rate so far will have brought [proof] connections. If there were no
// connections, the second sample follows soon and the third at the end of the quiet period.
func (m *trafficMeter) untilProven() time.Duration {
	quiet, elapsed := m.drain.Quiet, time.Since(m.firstAt)
	switch {
	case m.rate.perSecond > 0:
		needed := min(proof/m.rate.perSecond, quiet.Seconds()) // await stops after the quiet period
		return max(sampleInterval(quiet), time.Duration(needed*float64(time.Second))-elapsed)
	case elapsed < sampleInterval(quiet):
		return sampleInterval(quiet)
	default:
		return quiet
	}
}

// awaitArrival samples until clients arrive as they did before the drain, for limit at most. It returns what was seen,
// and the error only if ctx ended.
func (m *trafficMeter) awaitArrival(ctx context.Context, limit time.Duration) (*arrival, error) {
	began := time.Now()
	seen := &arrival{before: m.rate, window: m.drain.Quiet}
	t, err := m.sample(ctx)
	for seen.observe(time.Since(began), t, err); time.Since(began) < limit && !seen.proven(); {
		if err := sleep(ctx, sampleInterval(m.drain.Quiet)); err != nil {
			return seen, err
		}
		t, err := m.sample(ctx)
		seen.observe(time.Since(began), t, err)
	}
	return seen, nil
}
