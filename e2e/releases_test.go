package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// releases takes a fleet from what the old Makefile left to a release of ours,
// through full disks and a release that ends at its start.
func (f *fleet) releases(t *testing.T) {
	f.publish(t, "v2")
	part(t, "the Makefile's containers are adopted and replaced", func(t *testing.T) { f.rollsOut(t, "v2") })
	part(t, "a first boot makes the container that a rollout makes", f.firstBoot)
	part(t, "the disk is full", f.diskFull)
	part(t, "a release ends at its start", func(t *testing.T) {
		f.putsBack(t, "exits", "cannot log in to the database", "v2")
	})
}

// rollsOut deploys a release that is fit to serve.
func (f *fleet) rollsOut(t *testing.T, release string) {
	t.Helper()
	var r *run
	requireNoneFailed(t, f.load(t, func() {
		r = f.deploy(t, release)
		require.Zero(t, r.end(t))
	}))
	assert.Equal(t, []string{"updated", "updated", "updated"}, f.outcomes(t, r))
	f.assertServes(t, release)
}

// putsBack deploys a release that is not, over one that stays.
func (f *fleet) putsBack(t *testing.T, bad, says, stays string) {
	t.Helper()
	f.publish(t, bad)
	var r *run
	requireNoneFailed(t, f.load(t, func() {
		r = f.deploy(t, bad)
		require.Equal(t, 3, r.end(t))
	}))
	assert.Contains(t, r.said(), says)
	assert.Equal(t, []string{"restored", "restored", "pending"}, f.outcomes(t, r))
	f.assertServes(t, stays)
}
