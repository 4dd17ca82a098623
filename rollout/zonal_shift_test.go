package rollout

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shiftedZone is a load balancer under a zonal shift: it reports the targets of one zone as shifted.
type shiftedZone struct {
	*world
	zone string
}

func (s shiftedZone) Health(ctx context.Context, of ...Target) (Health, error) {
	health, err := s.world.Health(ctx, of...)
	for i, h := range health {
		health[i].Shifted = s.machines[h.Instance].zone == s.zone
	}
	return health, err
}

// TestAZonalShiftIsNoCapacityOfARun: what carries no traffic neither lets others leave nor is waited for.
func TestAZonalShiftIsNoCapacityOfARun(t *testing.T) {
	for _, refused := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3) // i-1 and i-3 in zone a, i-2 in zone b
			c := w.config()
			c.Balancer = shiftedZone{w, "b"}
			if !refused {
				c.Policy.Batch = Size{Count: 2}
			}
			var joined string
			c.Observe = func(e Event) {
				if e.Instance == "i-2" && e.Step == StepJoin && e.Kind == StepDone {
					joined = e.Detail
				}
			}
			result, err := w.run(t.Context(), c)
			if refused {
				require.ErrorContains(t, err, "without [i-2], whose zone is under zonal shift")
				assert.Equal(t, Refused, result.Outcome)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, Deployed, result.Outcome)
			assert.Contains(t, joined, "no traffic waited for, because a zonal shift sends it elsewhere")
			assert.Zero(t, w.failed)
		})
	}
}
