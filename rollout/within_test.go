package rollout

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestARunIsRefusedIfItsCredentialsExpireBefore holds that a run and its plan are refused before anything is touched if the
// credentials expire before the forecast's end, and not if they expire after it.
func TestARunIsRefusedIfItsCredentialsExpireBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		plan, err := MakePlan(t.Context(), c)
		require.NoError(t, err)
		c.Within = plan.ETA - time.Second
		plan, err = MakePlan(t.Context(), c)
		require.ErrorContains(t, err, "the credentials expire in ")
		assert.Equal(t, Refused, plan.Outcome)
		result, err := w.run(t.Context(), c)
		require.ErrorContains(t, err, "the credentials expire in ")
		assert.Equal(t, Refused, result.Outcome)
		w.requireServing("i-1", oldDigest)

		c.Within = plan.ETA + time.Minute
		_, err = w.run(t.Context(), c)
		require.NoError(t, err)
	})
}
