package docker_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// permits is a fence that grants requests one at a time: each part of an act gets another permit, which is checked
// before the call and when its connection is there.
type permits struct {
	left  *atomic.Int64 // parts that may still begin
	spare *atomic.Int64 // checks that succeed in this part
}

func newPermits(parts int64) permits {
	p := permits{new(atomic.Int64), new(atomic.Int64)}
	p.left.Store(parts)
	return p
}

func (p permits) Check() error {
	if p.spare.Add(-1) < 0 {
		return fmt.Errorf("stop: %w", rollout.ErrTooLate)
	}
	return nil
}

func (p permits) Renew(ctx context.Context) (context.Context, error) {
	next := permits{p.left, new(atomic.Int64)}
	if p.left.Add(-1) >= 0 {
		next.spare.Store(2)
	}
	return rollout.WithFence(ctx, next), nil
}

// swapUnder makes a whole swap, and settles it or goes back, under a fence.
func swapUnder(ctx context.Context, h *docker.Host, back bool) error {
	for _, act := range []func(context.Context) error{
		h.Drain,
		func(ctx context.Context) error { return h.Stop(ctx, release(fakeNew)) },
		func(ctx context.Context) error { return h.Start(ctx, release(fakeNew)) },
		func(ctx context.Context) error {
			if back {
				return h.Revert(ctx)
			}
			_, err := h.Settle(ctx)
			return err
		},
		h.Undrain,
	} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

// overSSH is a fake engine that is reached through an SSH connection.
type overSSH struct {
	*fakeEngine
	client *remote.Client
	socket string
}

func (c overSSH) DialUnix(ctx context.Context, _ string) (net.Conn, error) {
	return c.client.DialUnix(ctx, c.socket)
}

// wayOverSSH returns the SSH connection, and serves fake engines to it.
func wayOverSSH(t *testing.T) func(f *fakeEngine) *docker.Host {
	path, key, _ := sshtest.KeyFile(t, "")
	server := sshtest.Start(t, sshtest.Options{Authorized: key})
	client, err := remote.Dial(t.Context(), remote.Config{Address: server.Addr, KeyFile: path, KnownHosts: []string{server.KnownHosts()}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return func(f *fakeEngine) *docker.Host {
		socket := filepath.Join(t.TempDir(), "engine")
		listener, err := net.Listen("unix", socket)
		require.NoError(t, err)
		engine := httptest.NewUnstartedServer(f)
		engine.Listener = listener
		engine.Start()
		t.Cleanup(engine.Close)
		h, err := docker.Open(t.Context(), overSSH{f, client, socket}, docker.Options{Spec: f.spec})
		require.NoError(t, err)
		t.Cleanup(func() { _ = h.Close() })
		return h
	}
}

// Every changing call to the engine is a part of its act that needs a valid intent, and is checked when the connection is
// there. One that comes too late changes nothing.
func TestEveryCallToTheEngineIsFenced(t *testing.T) {
	t.Run("direct", func(t *testing.T) { everyCallIsFenced(t, (*fakeEngine).host) })
	t.Run("over SSH", func(t *testing.T) { everyCallIsFenced(t, wayOverSSH(t)) })
}

func everyCallIsFenced(t *testing.T, open func(*fakeEngine) *docker.Host) {
	for _, back := range []bool{false, true} {
		want, changes := "", 0
		for parts := int64(100); parts >= 0; parts-- {
			f := newFakeEngine(t)
			f.containers[0].Labels = map[string]string{f.spec.Label(docker.LabelDrain): "SIGUSR1", f.spec.Label(docker.LabelUndrain): "SIGUSR2"}
			for i := range 5 {
				f.stored = append(f.stored, map[string]any{"Id": fmt.Sprint("image", i), "RepoDigests": []string{fmt.Sprintf("%s@sha256:%064d", repo, i)}})
			}
			h := open(f)
			p := newPermits(parts)
			err := swapUnder(rollout.WithFence(t.Context(), p), h, back)
			if want == "" {
				require.NoError(t, err)
				want, changes = f.summary(), f.changes
				parts -= p.left.Load() // as many as are needed
				assert.EqualValues(t, parts, changes, "a changing call that is no part of its own")
				continue
			}
			require.ErrorIs(t, err, rollout.ErrTooLate, "after %d parts", parts)
			f.set(func() { assert.EqualValues(t, parts, f.changes, "sent after %d parts", parts) })
		}
		assert.Greater(t, changes, 5)
	}
}
