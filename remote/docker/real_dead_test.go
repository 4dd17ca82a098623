package docker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

// Whoever gave up on a slow stop, or died in it, leaves a container that the
// engine calls running and that will be gone: going back waits for that.
func TestSlowStopAbandoned(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.spec.StopGrace = 30 * time.Second
	one := l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "one", "MODE": "slow"})
	two := l.push(time.Hour, map[string]string{"GIT_COMMIT": "two"})
	l.deploy(one)
	h := l.host()
	require.NoError(t, h.Prepare(t.Context(), two, nil))
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	stopped := make(chan error, 1)
	go func() { stopped <- h.Stop(ctx, two) }()
	require.Eventually(t, func() bool { return l.version()["signal"] == "terminated" }, 30*time.Second, 5*time.Millisecond)
	giveUp()
	require.ErrorIs(t, <-stopped, context.Canceled)

	found, err := l.api.ContainerInspect(t.Context(), l.spec.Name+"-previous", client.ContainerInspectOptions{})
	require.NoError(t, err)
	require.True(t, found.Container.State.Running, "the engine says it runs")
	fresh := l.host()
	state, err := fresh.Inspect(t.Context())
	require.NoError(t, err)
	require.False(t, state.Running, "and it does not count")

	require.NoError(t, fresh.Revert(t.Context()))
	started := l.serves(one).State.StartedAt
	require.NotEqual(t, found.Container.State.StartedAt, started, "it was started again after it had stopped")
}

// A process that dies between any two steps leaves something another can undo,
// and something a new swap can begin on.
func TestDeadRuns(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.spec.StopGrace = time.Second
	one := l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "one"})
	two := l.push(time.Hour, map[string]string{"GIT_COMMIT": "two"})
	l.deploy(one)
	h := l.host()
	require.NoError(t, h.Prepare(t.Context(), two, nil))
	next, previous := l.spec.Name+"-next", l.spec.Name+"-previous"
	for name, die := range map[string]func(){
		"nothing done": func() {},
		"new created": func() {
			require.NoError(t, l.host().Stop(t.Context(), two))
			require.NoError(t, l.host().Revert(t.Context()))
			l.createCopy(l.spec.Name, next)
		},
		"old renamed and running": func() {
			l.rename(l.spec.Name, previous)
		},
		"old stopped": func() {
			require.NoError(t, l.host().Stop(t.Context(), two))
		},
		"new started, not renamed": func() {
			require.NoError(t, l.host().Stop(t.Context(), two))
			_, err := l.api.ContainerStart(t.Context(), next, client.ContainerStartOptions{})
			require.NoError(t, err)
		},
		"new in service": func() {
			require.NoError(t, l.host().Stop(t.Context(), two))
			require.NoError(t, l.host().Start(t.Context(), two))
		},
		"new removed, old not renamed": func() {
			require.NoError(t, l.host().Stop(t.Context(), two))
			_, err := l.api.ContainerRemove(t.Context(), next, client.ContainerRemoveOptions{Force: true})
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			die()
			require.NoError(t, l.host().Revert(t.Context()))
			require.Equal(t, container.RestartPolicyAlways, l.serves(one).HostConfig.RestartPolicy.Name)
		})
	}
	t.Run("swap again after a stop", func(t *testing.T) {
		require.NoError(t, l.host().Stop(t.Context(), two))
		l.swap(l.host(), two)
		require.NoError(t, l.host().Revert(t.Context()))
		require.Equal(t, container.RestartPolicyAlways, l.serves(one).HostConfig.RestartPolicy.Name)
	})
}

func (l *lab) rename(from, to string) {
	l.t.Helper()
	_, err := l.api.ContainerRename(l.t.Context(), from, client.ContainerRenameOptions{NewName: to})
	require.NoError(l.t, err)
}

func (l *lab) createCopy(of, name string) {
	l.t.Helper()
	found, err := l.api.ContainerInspect(l.t.Context(), of, client.ContainerInspectOptions{})
	require.NoError(l.t, err)
	_, err = l.api.ContainerCreate(l.t.Context(), client.ContainerCreateOptions{Name: name, Config: found.Container.Config, HostConfig: found.Container.HostConfig})
	require.NoError(l.t, err)
}

// A kept container of an earlier run, whose settling failed, is never taken for
// the one to go back to.
func TestStalePrevious(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	zero := l.push(3*time.Hour, map[string]string{"GIT_COMMIT": "zero"})
	one := l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "one"})
	two := l.push(time.Hour, map[string]string{"GIT_COMMIT": "two"})
	l.deploy(zero)
	l.swap(l.host(), one) // and never settled
	h := l.host()
	require.NoError(t, h.Prepare(t.Context(), two, nil))
	require.NoError(t, l.host().Revert(t.Context()), "a run that prepared and did no more")
	l.serves(one)
	l.swap(h, two)
	require.NoError(t, h.Revert(t.Context()))
	l.serves(one)
}

// A release whose own health check fails is refused with what that check wrote.
func TestAHealthCheckOfTheImageThatFails(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.deploy(l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "good"}))
	l.check = &v1.HealthConfig{Test: []string{"CMD", "/no-such-check"}, Interval: 100 * time.Millisecond, Retries: 1}
	bad := l.push(time.Hour, map[string]string{"GIT_COMMIT": "bad"})
	h := l.host()
	require.NoError(t, h.Prepare(t.Context(), bad, nil))
	require.NoError(t, h.Stop(t.Context(), bad))
	require.NoError(t, h.Start(t.Context(), bad))
	_, err := h.Prove(l.within(15*time.Second), bad)
	require.ErrorIs(t, err, docker.ErrNotProven)
	require.ErrorContains(t, err, "the health check of its image reports unhealthy")
	shown, ok := errors.AsType[interface {
		error
		LogLines() []string
	}](err)
	require.True(t, ok)
	text := strings.Join(shown.LogLines(), "\n")
	require.Contains(t, text, "the health check of its image ended with exit code ")
	require.Contains(t, text, "/no-such-check")
	require.NoError(t, h.Revert(t.Context()))
}
