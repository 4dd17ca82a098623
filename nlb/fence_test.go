package nlb

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// fenceOf permits an act until it was checked so many times.
type fenceOf struct{ checks atomic.Int64 }

func (f *fenceOf) Check() error {
	if f.checks.Add(-1) < 0 {
		return fmt.Errorf("deregister: %w", rollout.ErrTooLate)
	}
	return nil
}

func (f *fenceOf) Renew(ctx context.Context) (context.Context, error) { return ctx, nil }

func actWith(t *testing.T, checks int64) context.Context {
	f := &fenceOf{}
	f.checks.Store(checks)
	return rollout.WithFence(t.Context(), f)
}

// The act's time is checked when the connection is there, so that a process which stood still in between sends nothing,
// and again before each attempt.
func TestAChangeThatIsTooLateIsNotSent(t *testing.T) {
	for checks, sent := range []int{0, 0, 1, 2} {
		t.Run(fmt.Sprint(checks), func(t *testing.T) {
			f, cfg := newFake(t)
			in := target(groupA, "i-1", 8080)
			f.groups[groupA][in] = "healthy"
			f.throttle = 9
			g := open(t, cfg, groupA)
			err := g.Deregister(actWith(t, int64(checks)), []rollout.Target{in})
			require.ErrorIs(t, err, rollout.ErrTooLate)
			assert.Len(t, f.called("DeregisterTargets"), sent)
			assert.Equal(t, []rollout.Target{in}, f.registered(groupA))
		})
	}
}

// One target of many that AWS refuses, such as an instance that was terminated, keeps none of the others in or out.
func TestOneRefusedTargetOfOneRequest(t *testing.T) {
	f, cfg := newFake(t)
	g := open(t, cfg, groupA)
	f.gone = "i-7"
	var many, rest []rollout.Target
	for i := range targetsPerCall {
		many = append(many, target(groupA, fmt.Sprint("i-", i), 8080))
		if i != 7 {
			rest = append(rest, many[i])
		}
	}
	err := g.Register(t.Context(), many)
	require.ErrorContains(t, err, "i-7:8080")
	assert.ElementsMatch(t, rest, f.registered(groupA))
	assert.Len(t, f.called("RegisterTargets"), 1+targetsPerCall, "together, and then each alone")

	f.groups[groupA][many[7]] = "unused"
	err = g.Deregister(t.Context(), many)
	require.ErrorContains(t, err, "i-7:8080")
	assert.Equal(t, many[7:8], f.registered(groupA))
}
