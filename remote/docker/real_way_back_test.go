package docker_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

// The first rollout can meet a container that would not pass a new one's proof, although it serves. It counts as put back
// when it runs and answers as it did before, in the process that stopped it and in another one.
func TestAnOldContainerIsPutBackAsItWas(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]struct {
		mode   string
		change func(*container.Config, *container.HostConfig)
	}{
		"no health path":       {mode: "pathless"},
		"not well":             {mode: "unhealthy"},
		"names another commit": {mode: "liar"},
		"published on one address": {change: func(_ *container.Config, host *container.HostConfig) {
			for _, bindings := range host.PortBindings {
				bindings[0].HostIP = netip.MustParseAddr("127.0.0.2")
			}
		}},
		"failing health check of its image": {change: func(c *container.Config, _ *container.HostConfig) {
			c.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "/nothing"}, Interval: time.Second, Retries: 1}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			one := l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "one", "MODE": old.mode})
			bad := l.push(time.Hour, map[string]string{"GIT_COMMIT": "bad", "MODE": "exit"})
			l.runByHand(one, "-by-hand", func(o *client.ContainerCreateOptions) {
				if old.change != nil {
					old.change(o.Config, o.HostConfig)
				}
			})
			h := l.host()
			swap := func() {
				require.NoError(t, h.Prepare(t.Context(), bad, nil))
				require.NoError(t, h.Revert(l.within(20*time.Second)), "nothing was stopped yet")
				require.NoError(t, h.Stop(t.Context(), bad))
				if err := h.Start(t.Context(), bad); err == nil { // it may end before it is renamed
					_, err = h.Prove(l.within(20*time.Second), bad)
					require.Error(t, err)
				}
			}
			swap()
			require.NoError(t, h.Revert(l.within(20*time.Second)))
			l.serves(one)
			require.NoError(t, l.host().Revert(l.within(20*time.Second)), "by another process, when all is over")
			swap()
			require.NoError(t, l.host().Revert(l.within(20*time.Second)), "by another process")
			l.serves(one)
		})
	}
}

// A container that did not run before is put back, and nothing is demanded of it.
func TestAnOldContainerThatDidNotRunIsPutBack(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	one := l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "one", "MODE": "exit"})
	bad := l.push(time.Hour, map[string]string{"GIT_COMMIT": "bad", "MODE": "exit"})
	require.NoError(t, l.host().Prepare(t.Context(), one, nil))
	_, err := l.api.ContainerCreate(t.Context(), client.ContainerCreateOptions{Name: l.spec.Name, Config: &container.Config{Image: one.Image}})
	require.NoError(t, err)
	for _, back := range []func(*docker.Host) *docker.Host{
		func(h *docker.Host) *docker.Host { return h },
		func(*docker.Host) *docker.Host { return l.host() },
	} {
		h := l.host()
		require.NoError(t, h.Prepare(t.Context(), bad, nil))
		require.NoError(t, h.Stop(t.Context(), bad))
		require.NoError(t, back(h).Revert(l.within(20*time.Second)))
		require.Equal(t, []string{"/" + l.spec.Name}, l.containers())
	}
}
