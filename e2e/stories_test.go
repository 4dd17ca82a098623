package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStories tells all stories side by side, each on a fleet of its own: they
// are mostly waits.
func TestStories(t *testing.T) {
	needLab(t)
	shop := newWorkshop(t)
	for number, story := range []struct {
		name string
		tell func(*fleet, *testing.T)
	}{
		{"terraform", (*fleet).terraform}, // the longest first
		{"cut off in the swap", (*fleet).cutInSwap},
		{"engines", (*fleet).engines},
		{"releases", (*fleet).releases},
		{"the engine dies in the swap and comes back", (*fleet).engineBack},
		{"sshd killed in each phase", (*fleet).sshKilled},
		{"cut off in every other phase", (*fleet).cutElsewhere},
		{"recovery", (*fleet).recovery},
	} {
		t.Run(story.name, func(t *testing.T) {
			t.Parallel()
			story.tell(newFleet(t, shop, number+1), t)
		})
	}
}

// part is a part of a story; what follows one that went wrong would tell nothing.
func part(t *testing.T, name string, tell func(*testing.T)) {
	t.Helper()
	require.True(t, t.Run(name, tell), "the story ends here")
}
