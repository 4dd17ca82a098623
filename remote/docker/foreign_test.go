package docker_test

import (
	"testing"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/stretchr/testify/require"
)

const namesWhatRuns = ": set Name and HostPort of the service's container to what runs there; what is outside of Docker has to be stopped by hand first"

// An instance whose service is no container of that name or port is not taken over: its process could not be put back.
func TestAPortThatSomethingElseHolds(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*fakeEngine)
		says  string
	}{
		"a process": {func(f *fakeEngine) { f.containers = nil }, "no container is called svc or publishes port 8080"},
		"a process beside a container that ended": {func(f *fakeEngine) { f.containers[0].State = "exited" }, "container svc does not run"},
		"a container of another name with host networking": {func(f *fakeEngine) {
			f.containers[0].Name, f.containers[0].Private = "other", true
		}, "no container is called svc or publishes port 8080"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeEngine(t)
			f.foreign = true
			test.spoil(f)
			before := f.summary()
			h := f.host()
			for call, err := range map[string]error{
				"check":   h.Check(t.Context(), release(fakeNew)),
				"prepare": h.Prepare(t.Context(), release(fakeNew), nil),
			} {
				require.ErrorIs(t, err, docker.ErrPort, call)
				require.ErrorContains(t, err, "port 8080 answers, and "+test.says, call)
				require.ErrorContains(t, err, namesWhatRuns, call)
			}
			require.Equal(t, before, f.summary())
			require.Zero(t, f.pulls)
		})
	}
}

// A first boot that failed leaves nothing that answers: the instance is deployed to.
func TestNothingAnswers(t *testing.T) {
	f := newFakeEngine(t)
	f.containers = nil
	h := f.host()
	require.NoError(t, h.Check(t.Context(), release(fakeNew)))
	require.NoError(t, h.Prepare(t.Context(), release(fakeNew), nil))
	require.NoError(t, swap(t, h))
}

// Inspect says what it looked for, because the load balancer may know of something that serves.
func TestInspectNamesWhatIsMissing(t *testing.T) {
	f := newFakeEngine(t)
	state, err := f.host().Inspect(t.Context())
	require.NoError(t, err)
	require.Empty(t, state.Missing)

	f.containers = nil
	state, err = f.host().Inspect(t.Context())
	require.NoError(t, err)
	require.Equal(t, "no container is called svc or publishes port 8080 (a process outside of Docker, or host networking under another name?)"+namesWhatRuns, state.Missing)
}

// Inspect says what the running container answers if a new one would not be proven by that.
func TestInspectNamesWhatANewContainerWouldFail(t *testing.T) {
	f := newFakeEngine(t)
	for status, says := range map[int]string{
		200: "",
		404: "GET /healthz answers 404: set HealthPath of the service's container to a path that answers 200",
		503: "GET /healthz answers 503",
	} {
		f.status = status
		state, err := f.host().Inspect(t.Context())
		require.NoError(t, err)
		require.True(t, state.Running)
		require.Equal(t, says, state.Unproven)
	}
	f.status, f.containers[0].State = 404, "exited"
	state, err := f.host().Inspect(t.Context())
	require.NoError(t, err)
	require.Empty(t, state.Unproven)
}
