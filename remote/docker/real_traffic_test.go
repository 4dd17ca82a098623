package docker_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

func TestDrainSignals(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.deploy(l.push(time.Hour, map[string]string{"GIT_COMMIT": "one"}))
	h := l.host()
	require.NoError(t, h.Drain(t.Context()))
	require.Eventually(t, func() bool { return l.version()["signal"] == "user defined signal 1" }, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, h.Undrain(t.Context()))
	require.Eventually(t, func() bool { return l.version()["signal"] == "user defined signal 2" }, 30*time.Second, 5*time.Millisecond)

	// The container is another, or none, than the one that was looked for.
	l.deploy(l.push(time.Minute, map[string]string{"GIT_COMMIT": "two"}))
	require.NoError(t, h.Drain(t.Context()))
	require.Eventually(t, func() bool { return l.version()["signal"] == "user defined signal 1" }, 30*time.Second, 5*time.Millisecond)
	_, err := l.api.ContainerStop(t.Context(), l.spec.Name, client.ContainerStopOptions{})
	require.NoError(t, err)
	require.NoError(t, h.Undrain(t.Context()))
}

// TestTrafficOfARestartedContainer holds over SSH that a container's network is counted anew once the container was
// restarted.
func TestTrafficOfARestartedContainer(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.deploy(l.push(time.Hour, map[string]string{"GIT_COMMIT": "one"}))
	path, key, _ := sshtest.KeyFile(t, "")
	server := sshtest.Start(t, sshtest.Options{Authorized: key})
	conn, err := remote.Dial(t.Context(), remote.Config{Address: server.Addr, KeyFile: path, KnownHosts: []string{server.KnownHosts()}})
	require.NoError(t, err)
	h, err := docker.Open(t.Context(), conn, docker.Options{Spec: l.spec})
	require.NoError(t, err)
	defer h.Close()
	for range 3 {
		conns := l.connect(3)
		counts := func(open int) func() bool {
			return func() bool {
				now, err := h.Traffic(t.Context())
				return err == nil && now.Open == open
			}
		}
		require.Eventually(t, counts(3), 10*time.Second, 10*time.Millisecond)
		_, err := l.api.ContainerRestart(t.Context(), l.spec.Name, client.ContainerRestartOptions{})
		require.NoError(t, err)
		for _, c := range conns {
			_ = c.Close()
		}
		require.Eventually(t, counts(0), 10*time.Second, 10*time.Millisecond)
		_, err = l.api.ContainerRestart(t.Context(), l.spec.Name, client.ContainerRestartOptions{})
		require.NoError(t, err, "now with nobody connected, whose end would show")
		l.awaitHealth()
		http.DefaultClient.CloseIdleConnections()
	}
}

// An instance that leaves next is sampled while it prepares.
func TestTrafficIsCountedWhilePrepareRuns(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.deploy(l.push(time.Hour, map[string]string{"GIT_COMMIT": "one"}))
	next := l.push(time.Minute, map[string]string{"GIT_COMMIT": "two"})
	h := l.host()
	prepared := make(chan error, 1)
	go func() { prepared <- h.Prepare(t.Context(), next, func(rollout.Progress) {}) }()
	for {
		_, err := h.Traffic(t.Context())
		require.NoError(t, err)
		select {
		case err := <-prepared:
			require.NoError(t, err)
			return
		default:
		}
	}
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
			open := len(conns)
			if mode == "host" {
				open = 0 // loopback peers are not clients
			}
			_, err = h.Traffic(t.Context())
			require.NoError(t, err)
			var after rollout.Traffic
			require.Eventually(t, func() bool {
				after, err = h.Traffic(t.Context())
				return err == nil && after.Open == open
			}, 30*time.Second, 10*time.Millisecond)
			require.Equal(t, want, after.Source)
			if mode == "host" {
				return
			}
			require.GreaterOrEqual(t, after.Opened-before.Opened, uint64(3))
			for _, c := range conns {
				require.NoError(t, c.Close())
			}
			require.Eventually(t, func() bool {
				now, err := h.Traffic(t.Context())
				return err == nil && now.Open == 0
			}, 30*time.Second, 10*time.Millisecond)
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
