package docker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

// What Prepare refuses touches nothing.
func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	one := l.push(time.Hour, map[string]string{"GIT_COMMIT": "one"})
	l.deploy(one)
	two := l.push(time.Minute, map[string]string{"GIT_COMMIT": "two"})
	// Pulled before it is found to be another: not for those who must not pull.
	three := l.push(time.Second, map[string]string{"GIT_COMMIT": "three"})
	badEnv := filepath.Join(t.TempDir(), "env")
	require.NoError(t, os.WriteFile(badEnv, []byte("ok=1\nPASS WORD=hunter22\n"), 0o600))
	missing := rollout.Release{Image: two.Image[:len(two.Image)-4] + "0000"}
	for name, test := range map[string]struct {
		change  func(*docker.Spec, *localConn)
		release rollout.Release
		want    error
		says    string
	}{
		"unknown digest": {nil, missing, docker.ErrPull, ""},
		"env file":       {func(s *docker.Spec, _ *localConn) { s.EnvFile = badEnv }, two, docker.ErrEnvFile, "line 2: there is white space"},
		"no env file":    {func(s *docker.Spec, _ *localConn) { s.EnvFile = badEnv + "x" }, two, docker.ErrEnvFile, "no such file"},
		"mount": {func(s *docker.Spec, _ *localConn) {
			s.Mounts = []docker.Mount{{Source: badEnv + "x", Target: "/x"}}
		}, two, docker.ErrMount, "is not there"},
		"disk":   {func(_ *docker.Spec, c *localConn) { c.free = 1 << 20 }, two, docker.ErrDisk, "0.00 GiB free on /"},
		"commit": {nil, rollout.Release{Image: three.Image, Commit: "four"}, docker.ErrImage, "built from commit three"},
	} {
		t.Run(name, func(t *testing.T) {
			spec, conn := l.spec, *l.conn
			if test.change != nil {
				test.change(&spec, &conn)
			}
			h, err := docker.Open(t.Context(), &conn, docker.Options{Spec: spec, InstanceID: "i-a"})
			require.NoError(t, err)
			err = h.Prepare(t.Context(), test.release, nil)
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "hunter22")
			require.NotContains(t, err.Error(), "\n")
			l.serves(one)
		})
	}
}

// A container that would be gone after its stop cannot be gone back to.
func TestPrepareRefusesAutoRemove(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	one := l.push(time.Hour, map[string]string{"GIT_COMMIT": "one"})
	l.runByHand(one, "-by-hand", func(o *client.ContainerCreateOptions) {
		o.HostConfig.AutoRemove = true
		o.HostConfig.RestartPolicy = container.RestartPolicy{}
	})
	require.ErrorContains(t, l.host().Prepare(t.Context(), one, nil), "--rm")
}
