package docker_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"
)

// ailing returns an engine with an old container that answers 404 on the health path, as after a change of that path.
// ours: an earlier rollout created it.
func ailing(t *testing.T, ours bool) *fakeEngine {
	f := newFakeEngine(t)
	f.status, f.containers[0].Restart = http.StatusNotFound, "unless-stopped"
	if ours {
		f.containers[0].Labels = map[string]string{f.spec.Label(docker.LabelRelease): release(fakeOld).Digest()}
	}
	return f
}

// endOld ends an old container that has been renamed, because another process waits until it has stopped.
func (f *fakeEngine) endOld() {
	f.set(func() {
		if c := f.find("svc-previous"); c != nil {
			c.State = string(container.StateExited)
		}
	})
}

// goesBack requires that Revert succeeds, and again in this process and in another one.
func (f *fakeEngine) goesBack(h *docker.Host) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Second)
	defer cancel()
	for _, h := range []*docker.Host{h, h, f.host()} {
		require.NoError(f.t, h.Revert(ctx), f.summary())
		require.Equal(f.t, "svc=old:running:unless-stopped", f.summary())
	}
}

// bothOwners calls a test with an old container that a rollout created, and with one that it adopted.
func bothOwners(t *testing.T, test func(t *testing.T, ours bool)) {
	t.Run("created by a rollout", func(t *testing.T) { test(t, true) })
	t.Run("adopted", func(t *testing.T) { test(t, false) })
}

// A process can end between any two calls of the swap or of a way back. The next one puts back an old container that
// answered something else than 200 before, however many have ended on the way.
func TestTheWayBackOutlivesEveryProcess(t *testing.T) {
	bothOwners(t, func(t *testing.T, ours bool) {
		for swapped := range int64(100) {
			done := false
			for reverted := range int64(100) {
				f := ailing(t, ours)
				h := f.host()
				require.NoError(t, h.Prepare(t.Context(), release(fakeNew), nil))
				p := newPermits(swapped)
				ctx := rollout.WithFence(t.Context(), p)
				if h.Stop(ctx, release(fakeNew)) == nil && h.Start(ctx, release(fakeNew)) == nil {
					done = p.left.Load() > 0
				}
				f.endOld()
				within, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				err := f.host().Revert(rollout.WithFence(within, newPermits(reverted)))
				cancel()
				f.goesBack(f.host())
				if err == nil {
					break
				}
				require.ErrorIs(t, err, rollout.ErrTooLate)
			}
			if done {
				return
			}
		}
		t.Fatal("the swap did not end")
	})
}

// A call that is refused on the way back leaves what the next attempt needs, in this process and in another one.
func TestTheWayBackOutlivesARefusal(t *testing.T) {
	bothOwners(t, func(t *testing.T, ours bool) {
		for _, call := range []string{"stop", "update", "rename", "start", "remove"} {
			f := ailing(t, ours)
			run := f.host()
			require.NoError(t, run.Prepare(t.Context(), release(fakeNew), nil))
			require.NoError(t, run.Stop(t.Context(), release(fakeNew)))
			require.NoError(t, run.Start(t.Context(), release(fakeNew)))
			for _, h := range []*docker.Host{run, f.host()} {
				f.set(func() { f.refuse[call] = http.StatusInternalServerError })
				require.Error(t, h.Revert(t.Context()), call)
				f.set(func() { delete(f.refuse, call) })
			}
			f.goesBack(f.host())
		}
	})
}

// Stop is called again under another intent if a part of it came too late. What the old container showed and its restart
// policy are then known as before, also if the process ends in the second call.
func TestTheWayBackOutlivesAStopThatCameTooLate(t *testing.T) {
	bothOwners(t, func(t *testing.T, ours bool) {
		for first := range int64(4) {
			for second := range int64(5) {
				f := ailing(t, ours)
				run := f.host()
				require.NoError(t, run.Prepare(t.Context(), release(fakeNew), nil))
				require.ErrorIs(t, run.Stop(rollout.WithFence(t.Context(), newPermits(first)), release(fakeNew)), rollout.ErrTooLate)
				if err := run.Stop(rollout.WithFence(t.Context(), newPermits(second)), release(fakeNew)); err != nil {
					require.ErrorIs(t, err, rollout.ErrTooLate)
					f.endOld()
					f.goesBack(f.host())
					continue
				}
				f.goesBack(run)
			}
		}
	})
}

// An engine that starts again, as after a reboot, starts every container with a restart policy. The new one must not get
// the port then, so it has none while the old one is proven.
func TestTheNewContainerDoesNotStartAgainOnTheWayBack(t *testing.T) {
	f := newFakeEngine(t)
	run := f.host()
	require.NoError(t, run.Prepare(t.Context(), release(fakeNew), nil))
	require.NoError(t, run.Stop(t.Context(), release(fakeNew)))
	require.NoError(t, run.Start(t.Context(), release(fakeNew)))
	f.set(func() { f.refuse["start"] = http.StatusInternalServerError })
	require.Error(t, run.Revert(t.Context()))
	require.Equal(t, "svc=old:exited:always svc-next=new:exited:no", f.summary())
}

// A container that the engine is restarting again and again is stopped on the way back as one that runs is.
func TestARestartingContainerIsStoppedOnTheWayBack(t *testing.T) {
	f := newFakeEngine(t)
	run := f.host()
	require.NoError(t, run.Stop(t.Context(), release(fakeNew)))
	require.NoError(t, run.Start(t.Context(), release(fakeNew)))
	f.set(func() {
		f.find("svc").State = string(container.StateRestarting)
		f.refuse["remove"] = http.StatusInternalServerError
	})
	require.Error(t, run.Revert(t.Context()))
	require.Equal(t, "svc=old:running:always svc-next=new:exited:no", f.summary())
}

// A container that replaced none, of a run that died, is not taken for a proven one.
func TestANewContainerWithoutAnOldOneHasToBeHealthy(t *testing.T) {
	f := newFakeEngine(t)
	f.containers, f.status = nil, http.StatusNotFound
	run := f.host()
	require.NoError(t, run.Prepare(t.Context(), release(fakeNew), nil))
	require.NoError(t, run.Stop(t.Context(), release(fakeNew)))
	require.NoError(t, run.Start(t.Context(), release(fakeNew)))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.ErrorIs(t, f.host().Revert(ctx), docker.ErrNotProven)
	require.ErrorIs(t, run.Revert(t.Context()), docker.ErrNoPrevious)
}
