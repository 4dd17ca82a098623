package docker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/remote/internal/sshtest"
	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

// The whole life of an instance, over real SSH, SFTP and a real engine: first
// boot, an update, the way back, the update again.
func TestLifeOverSSH(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	path, key, _ := sshtest.KeyFile(t, "")
	server := sshtest.Start(t, sshtest.Options{Authorized: key})
	connection, err := remote.Dial(t.Context(), remote.Config{Address: server.Addr, KeyFile: path, KnownHosts: []string{server.KnownHosts()}})
	require.NoError(t, err)
	envFile := filepath.Join(t.TempDir(), "env")
	require.NoError(t, os.WriteFile(envFile, []byte("# secrets\nSECRET=hunter22\n"), 0o600))
	l.spec.EnvFile, l.spec.MinFreeBytes = envFile, 1
	l.spec.Mounts = []docker.Mount{{Source: t.TempDir(), Target: "/data"}}
	h, err := docker.Open(t.Context(), connection, docker.Options{Spec: l.spec, Run: "r1"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })

	state, err := h.Inspect(t.Context())
	require.NoError(t, err)
	require.Equal(t, rollout.State{}, state)

	one := l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "one"})
	l.swap(h, one)
	require.NoError(t, h.Settle(t.Context()))
	l.serves(one)

	two := l.push(time.Hour, map[string]string{"GIT_COMMIT": "two"})
	window := l.swap(h, two)
	require.Positive(t, window)
	require.Less(t, window, 30*time.Second)
	require.NoError(t, h.Revert(t.Context()))
	require.NoError(t, h.Revert(t.Context()), "going back twice is harmless")
	require.Equal(t, container.RestartPolicyAlways, l.serves(one).HostConfig.RestartPolicy.Name)

	l.swap(h, two)
	require.NoError(t, h.Settle(t.Context()))
	found := l.serves(two)
	require.Contains(t, found.Config.Env, "SECRET=hunter22")
	require.Equal(t, two.Digest(), found.Config.Labels[docker.LabelRelease])
	require.Equal(t, "SIGUSR1", found.Config.Labels[docker.LabelDrain])
	require.Equal(t, "r1", found.Config.Labels[docker.LabelRun])
	require.Equal(t, map[string]string{"max-size": "10m", "max-file": "3"}, found.HostConfig.LogConfig.Config)
	require.Equal(t, "/data", found.Mounts[0].Destination)
}

// swap prepares, stops, starts and proves.
func (l *lab) swap(h *docker.Host, r rollout.Release) time.Duration {
	l.t.Helper()
	var last rollout.Progress
	require.NoError(l.t, h.Prepare(l.t.Context(), r, func(p rollout.Progress) { last = p }))
	require.LessOrEqual(l.t, last.Done, last.Total)
	require.NoError(l.t, h.Stop(l.t.Context(), r))
	require.NoError(l.t, h.Start(l.t.Context(), r))
	window, err := h.Prove(l.within(time.Minute), r)
	require.NoError(l.t, err)
	return window
}

// The first rollout meets the Makefile's container: another name, no labels,
// --restart always.
func TestAdopted(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	one := l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "one"})
	two := l.push(time.Hour, map[string]string{"GIT_COMMIT": "two"})
	l.runByHand(one, "-by-hand", nil)

	h := l.host()
	state, err := h.Inspect(t.Context())
	require.NoError(t, err)
	require.True(t, state.Running)
	require.Equal(t, one.Image, state.Release.Image)
	require.Equal(t, "one", state.Release.Commit)
	require.Contains(t, fmt.Sprint(state.Remarks), "adopted")
	require.NoError(t, h.Drain(t.Context()), "no label, no signal")
	require.Empty(t, l.version()["signal"])

	// Before anything was stopped there is only the proof to be had.
	require.NoError(t, h.Revert(t.Context()))
	l.swap(h, two)
	require.NoError(t, l.host().Revert(t.Context()), "by another process")
	require.Equal(t, container.RestartPolicyAlways, l.serves(one).HostConfig.RestartPolicy.Name)
	l.deploy(two)
	l.serves(two)
}

// runByHand is docker run -d --restart always -p, with what change adds.
func (l *lab) runByHand(r rollout.Release, suffix string, change func(*client.ContainerCreateOptions)) string {
	l.t.Helper()
	require.NoError(l.t, l.host().Prepare(l.t.Context(), r, nil))
	port := network.MustParsePort("8080/tcp")
	options := client.ContainerCreateOptions{
		Name:   l.spec.Name + suffix,
		Config: &container.Config{Image: r.Image, ExposedPorts: network.PortSet{port: {}}},
		HostConfig: &container.HostConfig{
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyAlways},
			PortBindings:  network.PortMap{port: {{HostPort: fmt.Sprint(l.spec.HostPort)}}},
		},
	}
	if change != nil {
		change(&options)
	}
	made, err := l.api.ContainerCreate(l.t.Context(), options)
	require.NoError(l.t, err)
	_, err = l.api.ContainerStart(l.t.Context(), made.ID, client.ContainerStartOptions{})
	require.NoError(l.t, err)
	l.awaitHealth()
	return made.ID
}

func (l *lab) awaitHealth() {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", l.spec.HostPort))
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, 20*time.Second, 10*time.Millisecond)
}

func (l *lab) version() map[string]any {
	l.t.Helper()
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/version", l.spec.HostPort))
	require.NoError(l.t, err)
	defer response.Body.Close()
	var answer map[string]any
	require.NoError(l.t, json.NewDecoder(response.Body).Decode(&answer))
	return answer
}

// A bad release is told from a good one, and the old container serves again.
func TestBadReleases(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	envFile := filepath.Join(t.TempDir(), "env")
	require.NoError(t, os.WriteFile(envFile, []byte("SECRET=hunter22\n"), 0o600))
	l.spec.EnvFile = envFile
	good := l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "good"})
	l.deploy(good)
	for mode, check := range map[string]func(error){
		"exit": func(err error) {
			exited, ok := errors.AsType[*docker.ExitedError](err)
			require.True(t, ok, err)
			require.Equal(t, 7, exited.Code)
			require.ErrorContains(t, err, "cannot log in to the database as [redacted]")
			require.NotContains(t, err.Error(), "hunter22")
		},
		"unhealthy": func(err error) {
			require.ErrorIs(t, err, docker.ErrNotProven)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "GET /healthz answers 503")
		},
		"liar": func(err error) {
			require.ErrorIs(t, err, docker.ErrWrongCommit)
		},
	} {
		bad := l.push(time.Hour, map[string]string{"GIT_COMMIT": "bad-" + mode, "MODE": mode})
		h := l.host()
		require.NoError(t, h.Prepare(t.Context(), bad, nil))
		require.NoError(t, h.Stop(t.Context(), bad))
		require.NoError(t, h.Start(t.Context(), bad))
		_, err := h.Prove(l.within(2*time.Second), bad)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "\n")
		check(err)
		require.NoError(t, l.host().Revert(t.Context()))
		l.serves(good)
	}
}

// Whoever gave up on a slow stop, or died in it, leaves a container that the
// engine calls running and that will be gone: going back waits for that.
func TestSlowStopAbandoned(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	one := l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "one", "MODE": "slow"})
	two := l.push(time.Hour, map[string]string{"GIT_COMMIT": "two"})
	l.deploy(one)
	h := l.host()
	require.NoError(t, h.Prepare(t.Context(), two, nil))
	err := h.Stop(l.within(500*time.Millisecond), two)
	require.ErrorIs(t, err, context.DeadlineExceeded)

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
	l.spec.StopGraceSeconds = 1
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

// What Prepare refuses touches nothing.
func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	one := l.push(time.Hour, map[string]string{"GIT_COMMIT": "one"})
	l.deploy(one)
	two := l.push(time.Minute, map[string]string{"GIT_COMMIT": "two"})
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
		"commit": {nil, rollout.Release{Image: two.Image, Commit: "three"}, docker.ErrImage, "built from commit two"},
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
			require.ErrorContains(t, err, "on i-a")
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

// Without an old container there is nothing to go back to, and that is said.
func TestRevertWithoutOld(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	require.ErrorIs(t, l.host().Revert(t.Context()), docker.ErrNoPrevious)
	bad := l.push(time.Hour, map[string]string{"GIT_COMMIT": "one", "MODE": "exit"})
	h := l.host()
	require.NoError(t, h.Prepare(t.Context(), bad, nil))
	require.NoError(t, h.Stop(t.Context(), bad))
	require.NoError(t, h.Start(t.Context(), bad))
	_, err := h.Prove(l.within(10*time.Second), bad)
	require.Error(t, err)
	require.ErrorIs(t, h.Revert(t.Context()), docker.ErrNoPrevious)
}

func TestDrainSignals(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.deploy(l.push(time.Hour, map[string]string{"GIT_COMMIT": "one"}))
	h := l.host()
	require.NoError(t, h.Drain(t.Context()))
	require.Eventually(t, func() bool { return l.version()["signal"] == "user defined signal 1" }, 5*time.Second, 5*time.Millisecond)
	require.NoError(t, h.Undrain(t.Context()))
	require.Eventually(t, func() bool { return l.version()["signal"] == "user defined signal 2" }, 5*time.Second, 5*time.Millisecond)
}

// Connections are counted by the service where it can, else by the kernel; host
// networking without a count of its own is not counted at all.
func TestTraffic(t *testing.T) {
	for mode, want := range map[string]rollout.Source{"": rollout.ServiceCount, "uncounted": rollout.KernelCount, "host": rollout.Uncounted} {
		t.Run(fmt.Sprint("source ", int(want)), func(t *testing.T) {
			l := newLab(t)
			env := map[string]string{"GIT_COMMIT": "one", "MODE": mode}
			if mode == "host" {
				l.spec.Network, l.spec.ContainerPort = "host", l.spec.HostPort
				env["MODE"], env["PORT"] = "uncounted", fmt.Sprint(l.spec.HostPort)
			}
			l.deploy(l.push(time.Hour, env))
			h := l.host()
			before, err := h.Traffic(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, before.Source)
			require.Zero(t, before.Open)
			conns := l.connect(3)
			after, err := h.Traffic(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, after.Source)
			if mode == "host" {
				require.Zero(t, after.Open, "loopback peers are not clients")
				return
			}
			require.Equal(t, 3, after.Open)
			require.GreaterOrEqual(t, after.Opened-before.Opened, uint64(3))
			for _, c := range conns {
				require.NoError(t, c.Close())
			}
			require.Eventually(t, func() bool {
				now, err := h.Traffic(t.Context())
				return err == nil && now.Open == 0
			}, 5*time.Second, 10*time.Millisecond)
		})
	}
}

// connect opens connections that have carried a request and stay open. They
// come through the engine's proxy, so the container sees a peer that is not
// loopback.
func (l *lab) connect(n int) []net.Conn {
	l.t.Helper()
	var conns []net.Conn
	for range n {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", l.spec.HostPort))
		require.NoError(l.t, err)
		l.t.Cleanup(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(l.t, err)
		_, err = conn.Read(make([]byte, 4096))
		require.NoError(l.t, err)
		conns = append(conns, conn)
	}
	return conns
}

// The process behind the count may change under it: a crash and the restart
// policy.
func TestTrafficAfterRestart(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.deploy(l.push(time.Hour, map[string]string{"GIT_COMMIT": "one"}))
	h := l.host()
	_, err := h.Traffic(t.Context())
	require.NoError(t, err)
	_, err = l.api.ContainerRestart(t.Context(), l.spec.Name, client.ContainerRestartOptions{})
	require.NoError(t, err)
	l.awaitHealth()
	_, err = h.Traffic(t.Context())
	require.NoError(t, err)
}

func TestSettlePrunes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.spec.Keep = 2
	for i := range 4 {
		l.deploy(l.push(time.Duration(10-i)*time.Hour, map[string]string{"GIT_COMMIT": fmt.Sprint("c", i)}))
	}
	require.Len(t, l.images(), 2)
}

func TestOtherInstance(t *testing.T) {
	conn := &localConn{id: "i-b"}
	_, err := docker.Open(t.Context(), conn, docker.Options{Spec: docker.Spec{Name: "svc", HostPort: 1, ContainerPort: 1}, InstanceID: "i-a"})
	require.ErrorIs(t, err, docker.ErrOtherInstance)
	require.ErrorContains(t, err, `this is "i-b", not i-a: the address was reused?`)
}
