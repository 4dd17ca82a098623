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
			if name != "commit" { // which only the pulled image tells
				checked := h.Check(t.Context(), test.release)
				require.ErrorIs(t, checked, test.want)
				require.ErrorContains(t, checked, test.says)
			}
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

// TestCheckChangesNothing holds that Check passes where Prepare would, without pulling the image and without removing
// what an earlier run left.
func TestCheckChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	one := l.push(time.Hour, map[string]string{"GIT_COMMIT": "one"})
	l.deploy(one)
	l.createCopy(l.spec.Name, l.spec.Name+"-previous")
	two := l.push(time.Minute, map[string]string{"GIT_COMMIT": "two"})
	images, containers := l.images(), l.containers()
	require.Contains(t, containers, "/"+l.spec.Name+"-previous")
	require.NoError(t, l.host().Check(t.Context(), one), "it is on the instance")
	require.NoError(t, l.host().Check(t.Context(), two), "it is in the registry")
	require.Equal(t, images, l.images())
	require.Equal(t, containers, l.containers())

	foreign := l.pushFor("mips64le", time.Minute, nil)
	err := l.host().Check(t.Context(), foreign)
	require.ErrorIs(t, err, docker.ErrImage)
	require.ErrorContains(t, err, "it is built for linux/mips64le and the instance is linux/")
	require.Equal(t, images, l.images())
}
