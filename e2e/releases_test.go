package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReleases takes one fleet from what the old Makefile left to a release of
// ours, through releases that are not fit to serve.
func TestReleases(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1)
	f.publish(t, "v2")
	part(t, "the Makefile's containers are adopted and replaced", func(t *testing.T) {
		var r *run
		requireNoneFailed(t, f.load(t, func() {
			r = f.deploy(t, "v2")
			require.Zero(t, r.end(t))
		}))
		assert.Equal(t, []string{"updated", "updated", "updated"}, f.outcomes(t, r))
		f.assertServes(t, "v2")
	})
	part(t, "a first boot makes the container that a rollout makes", f.firstBoot)
	part(t, "the disk is full", f.diskFull)
	for _, bad := range []struct{ release, says string }{
		{"exits", "cannot log in to the database"},
		{"unhealthy", "GET /healthz answers 500"},
	} {
		part(t, bad.release, func(t *testing.T) {
			f.publish(t, bad.release)
			var r *run
			requireNoneFailed(t, f.load(t, func() {
				r = f.deploy(t, bad.release)
				require.Equal(t, 3, r.end(t))
			}))
			assert.Contains(t, r.said(), bad.says)
			assert.Equal(t, []string{"restored", "restored", "pending"}, f.outcomes(t, r))
			f.assertServes(t, "v2")
		})
	}
}

// part is a part of a story; what follows one that went wrong would tell nothing.
func part(t *testing.T, name string, tell func(*testing.T)) {
	t.Helper()
	require.True(t, t.Run(name, tell), "the story ends here")
}
