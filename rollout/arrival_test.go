package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestArrival(t *testing.T) {
	const window, routed = 15 * time.Second, 70 * time.Second
	busy := func(source Source, perSecond, checks float64) func(time.Duration) (Traffic, error) {
		return func(at time.Duration) (Traffic, error) {
			opened := 1000 + checks*at.Seconds() + perSecond*max(0, at-routed).Seconds()
			return Traffic{Opened: uint64(opened), Source: source}, nil
		}
	}
	for name, test := range map[string]struct {
		before  float64
		counted func(at time.Duration) (Traffic, error)
		want    time.Duration // zero: never
	}{
		"the service's count, at once":   {50, busy(ServiceCount, 50, 0), routed + time.Second},
		"the service's count, seldom":    {1, busy(ServiceCount, 1, 0), routed + 10*time.Second},
		"the kernel's, at half the rate": {50, busy(KernelCount, 50, 0.3), routed + 8*time.Second},
		"nothing but checks":             {50, busy(KernelCount, 0, 2), 0},
		"hardly any of them":             {50, busy(KernelCount, 5, 0), 0},
		"late connections for the old":   {50, func(time.Duration) (Traffic, error) { return Traffic{Opened: 500, Source: ServiceCount}, nil }, 0},
		"it cannot be read":              {50, func(time.Duration) (Traffic, error) { return Traffic{}, errFault }, 0},
		"it cannot be counted":           {50, func(time.Duration) (Traffic, error) { return Traffic{}, nil }, 0},
		"it cannot be read at the start": {50, func(at time.Duration) (Traffic, error) {
			if at < 40*time.Second {
				return Traffic{}, errFault
			}
			return busy(KernelCount, 50, 0)(at)
		}, routed + 8*time.Second},
		"the container starts anew": {50, func(at time.Duration) (Traffic, error) {
			t, err := busy(ServiceCount, 50, 0)(at)
			if at > 30*time.Second {
				t.Opened -= 1000
			}
			return t, err
		}, routed + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			a := arrival{before: rate{perSecond: test.before}, window: window}
			var seen time.Duration
			for at := time.Duration(0); at < 5*time.Minute && seen == 0; at += time.Second {
				traffic, err := test.counted(at)
				if a.observe(at, traffic, err); a.proven() {
					seen = at
				}
			}
			assert.Equal(t, test.want, seen)
			assert.LessOrEqual(t, len(a.samples), 19, "no more are kept than are looked at")
		})
	}
}
