package rollout

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// The second sample of a rate follows soon, and the next one when enough connections will have come. If there were none,
// the next one is at the end of the quiet period.
func TestRateIsSampledWhenItWillBeProven(t *testing.T) {
	quiet := DefaultPolicy().Drain.Quiet
	for name, c := range map[string]struct {
		elapsed   time.Duration
		perSecond float64
		want      time.Duration
	}{
		"nothing yet":     {0, 0, sampleInterval(quiet)},
		"nothing still":   {sampleInterval(quiet), 0, quiet},
		"one a second":    {3 * time.Second, 1, 7 * time.Second},
		"very busy":       {time.Millisecond, 1e6, sampleInterval(quiet)},
		"next to nothing": {time.Second, 1e-300, quiet - time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &trafficMeter{drain: DefaultPolicy().Drain, firstAt: time.Now(), rate: rate{perSecond: c.perSecond}}
				time.Sleep(c.elapsed)
				assert.InDelta(t, c.want.Seconds(), m.untilProven().Seconds(), 0.001)
			})
		})
	}
}

// A rate is measured from the first sample on, not from what was opened before it.
func TestRateIsMeasuredSinceTheFirstSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		m := w.machines["i-1"]
		meter := &trafficMeter{drain: w.config().Policy.Drain, service: &fakeHost{w, m}, serving: true}
		m.opened += 100 * proof
		meter.start(t.Context())
		for range 4 {
			time.Sleep(10 * time.Second)
			m.opened += proof
			assert.True(t, meter.measure(t.Context()))
			assert.InDelta(t, 1, meter.rate.perSecond, 0.01)
		}
	})
}
