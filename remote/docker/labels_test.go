package docker_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestContainersOfBeforeAreRecognized has containers with the labels that were written
// while their prefix was the constant dev.growl: a spec with that prefix finds them, also
// half-way through a swap.
func TestContainersOfBeforeAreRecognized(t *testing.T) {
	f := newFakeEngine(t)
	f.spec.LabelPrefix = "dev.growl"
	f.containers[0].Labels = map[string]string{
		"dev.growl.release": "sha256:a", "dev.growl.drain": "SIGUSR1", "dev.growl.undrain": "SIGUSR2", "dev.growl.run": "r0",
	}
	h := f.host()
	state, err := h.Inspect(t.Context())
	require.NoError(t, err)
	require.NotContains(t, state.Remarks, "container svc was not created by a rollout: it is adopted")
	require.NoError(t, h.Drain(t.Context()))
	require.Equal(t, "SIGUSR1", f.signal)
	require.NoError(t, h.Undrain(t.Context()))
	require.Equal(t, "SIGUSR2", f.signal)

	// A run of before died: its container has the service's name and is not proven.
	f.containers[0].Name, f.containers[0].State, f.containers[0].Restart = "svc-previous", "exited", "no"
	f.containers = append(f.containers, &fakeContainer{
		ID: "c1", Name: "svc", Image: fakeNew, State: "running", Restart: "always",
		Labels: map[string]string{"dev.growl.release": "sha256:b", "dev.growl.previous-restart": "unless-stopped"},
	})
	require.NoError(t, f.host().Revert(t.Context()))
	require.Equal(t, "svc=old:running:unless-stopped", f.summary())
}

func TestContainersOfAnotherPrefixAreAdopted(t *testing.T) {
	f := newFakeEngine(t)
	f.containers[0].Labels = map[string]string{"dev.growl.release": "sha256:a", "dev.growl.drain": "SIGUSR1"}
	h := f.host()
	state, err := h.Inspect(t.Context())
	require.NoError(t, err)
	require.Contains(t, state.Remarks, "container svc was not created by a rollout: it is adopted")
	require.NoError(t, h.Drain(t.Context()))
	require.Empty(t, f.signal)
}
