package rollout

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAnyDigestOfTheImageIsTheRelease holds that a container which was started by a tag, and whose image has several
// digests, is left alone by a run whose release is one of them.
func TestAnyDigestOfTheImageIsTheRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.machines["i-2"].alias = newDigest
		result, err := w.run(t.Context(), w.config())
		require.NoError(t, err)
		assert.Equal(t, []InstanceOutcome{Updated, Unchanged}, []InstanceOutcome{result.Instances[0].Outcome, result.Instances[1].Outcome})
		assert.Equal(t, newDigest, result.Instances[1].Release)
		w.requireServing("i-2", oldDigest)
	})
}
