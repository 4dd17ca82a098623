package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/engine"
	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

func TestStopAndStartAgain(t *testing.T) {
	m := newMachine(t)
	id := m.run(spec(m.pull("v1", nil)))
	pid := m.inspect(id).State.Pid
	_, err := m.docker.ContainerStop(t.Context(), id, client.ContainerStopOptions{})
	require.NoError(t, err)
	state := m.inspect(id).State
	assert.Equal(t, container.StateExited, state.Status)
	assert.Equal(t, 0, state.ExitCode)
	assert.Zero(t, state.Pid)
	assert.Less(t, state.StartedAt, state.FinishedAt)
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	m.start(id)
	m.serving(8080)
	assert.EqualValues(t, 0, m.inspect(id).RestartCount)
}

func TestActsThatAreDoneAlready(t *testing.T) {
	m := newMachine(t)
	id := m.create(spec(m.pull("v1", nil)))
	for _, act := range []string{"stop", "start", "start", "stop", "stop"} {
		w := httptest.NewRecorder()
		was := m.inspect(id).State.Running
		m.engine.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/containers/"+id+"/"+act+"?t=5", nil))
		want := http.StatusNoContent
		if was == (act == "start") {
			want = http.StatusNotModified
		}
		assert.Equal(t, want, w.Code, act)
	}
}

func TestSlowStopIsWaitedForAndCannotBeTakenBack(t *testing.T) {
	m := newMachine(t)
	o := spec(m.pull("v1", nil))
	o.Config.Env = []string{"STOP_DELAY=5s"}
	id := m.run(o)
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	stopped := make(chan error, 1)
	go func() {
		_, err := m.docker.ContainerStop(ctx, id, client.ContainerStopOptions{})
		stopped <- err
	}()
	require.Eventually(t, func() bool {
		out, _ := m.logs(id, client.ContainerLogsOptions{ShowStdout: true})
		return strings.Contains(out, "signal terminated")
	}, 30*time.Second, 5*time.Millisecond)
	giveUp()
	require.ErrorIs(t, <-stopped, context.Canceled)
	assert.True(t, m.inspect(id).State.Running)
	m.start(id) // answered 304: it still runs
	m.eventually(id, func(c container.InspectResponse) bool { return !c.State.Running })
	assert.Zero(t, m.inspect(id).State.ExitCode)
}

func TestStopKillsAfterTheGrace(t *testing.T) {
	m := newMachine(t)
	o := spec(m.pull("v1", nil))
	o.Config.Env = []string{"STOP_DELAY=1h"}
	id := m.run(o)
	none := 0
	_, err := m.docker.ContainerStop(t.Context(), id, client.ContainerStopOptions{Timeout: &none})
	require.NoError(t, err)
	assert.Equal(t, 137, m.inspect(id).State.ExitCode)
}

func TestKillSendsSignals(t *testing.T) {
	m := newMachine(t)
	id := m.run(spec(m.pull("v1", nil)))
	said := "started v1\n"
	for n, signal := range []string{"SIGUSR1", "USR2"} {
		_, err := m.docker.ContainerKill(t.Context(), id, client.ContainerKillOptions{Signal: signal})
		require.NoError(t, err)
		said += fmt.Sprintf("signal user defined signal %d\n", n+1)
		require.Eventually(t, func() bool {
			out, _ := m.logs(id, client.ContainerLogsOptions{ShowStdout: true})
			return out == said
		}, 30*time.Second, 5*time.Millisecond)
	}
	assert.True(t, m.inspect(id).State.Running)

	_, err := m.docker.ContainerKill(t.Context(), id, client.ContainerKillOptions{Signal: "SIGNOPE"})
	require.True(t, errdefs.IsInvalidArgument(err), err)
	_, err = m.docker.ContainerKill(t.Context(), id, client.ContainerKillOptions{})
	require.NoError(t, err)
	assert.Equal(t, 137, m.inspect(id).State.ExitCode, "no policy restarts what was killed")
	_, err = m.docker.ContainerKill(t.Context(), id, client.ContainerKillOptions{})
	require.True(t, errdefs.IsConflict(err), err)
}

// TestRestartPolicies has what Engine 20.10 was seen to do, signals included:
// any signal sent through the API ends the restart policy of a container that
// names no stop signal, and that of unless-stopped in any case.
func TestRestartPolicies(t *testing.T) {
	m := newMachine(t)
	ref := m.pull("v1", nil)
	for _, c := range []struct {
		policy     container.RestartPolicyMode
		stopSignal string
		kill       string
		code       int
		restarts   bool
	}{
		{"no", "", "", 3, false},
		{"always", "", "", 3, true},
		{"always", "", "", 0, true},
		{"unless-stopped", "", "", 3, true},
		{"on-failure", "", "", 3, true},
		{"on-failure", "", "", 0, false},
		{"always", "", "SIGUSR1", 3, false},
		{"unless-stopped", "", "SIGUSR1", 3, false},
		{"on-failure", "", "SIGUSR1", 3, false},
		{"always", "SIGTERM", "SIGUSR1", 3, true},
		{"unless-stopped", "SIGTERM", "SIGUSR1", 3, false},
		{"on-failure", "SIGTERM", "SIGUSR1", 3, true},
	} {
		o := spec(ref)
		o.HostConfig.RestartPolicy.Name = c.policy
		o.Config.StopSignal = c.stopSignal
		id := m.run(o)
		if c.kill != "" {
			_, err := m.docker.ContainerKill(t.Context(), id, client.ContainerKillOptions{Signal: c.kill})
			require.NoError(t, err)
		}
		m.exit(c.code)
		m.eventually(id, func(got container.InspectResponse) bool {
			return (c.restarts && got.RestartCount == 1 && got.State.Status == container.StateRunning) ||
				(!c.restarts && got.State.Status == container.StateExited && got.State.ExitCode == c.code)
		})
		_, err := m.docker.ContainerRemove(t.Context(), id, client.ContainerRemoveOptions{Force: true})
		require.NoError(t, err)
	}
}

func TestProgramThatKeepsExiting(t *testing.T) {
	m := newMachine(t)
	o := spec(m.pull("v1", func(c *v1.Config) { c.Cmd = []string{"exit", "5"} }))
	id := m.create(o)
	m.start(id)
	m.eventually(id, func(c container.InspectResponse) bool {
		return c.RestartCount >= 2 && c.State.Status == container.StateRestarting
	})
	assert.True(t, m.inspect(id).State.Running, "restarting counts as running")
	_, err := m.docker.ContainerStop(t.Context(), id, client.ContainerStopOptions{})
	require.NoError(t, err)
	assert.Equal(t, container.StateExited, m.inspect(id).State.Status)

	policy := container.RestartPolicy{Name: container.RestartPolicyOnFailure, MaximumRetryCount: 1}
	_, err = m.docker.ContainerUpdate(t.Context(), id, client.ContainerUpdateOptions{RestartPolicy: &policy})
	require.NoError(t, err)
	m.start(id)
	m.eventually(id, func(c container.InspectResponse) bool { return c.State.Status == container.StateExited })
	got := m.inspect(id)
	assert.Equal(t, 1, got.RestartCount)
	assert.Equal(t, 5, got.State.ExitCode)
	assert.Equal(t, policy, got.HostConfig.RestartPolicy)
}

func TestPolicyCanBeTakenFromARunningContainer(t *testing.T) {
	m := newMachine(t)
	id := m.run(spec(m.pull("v1", nil)))
	_, err := m.docker.ContainerUpdate(t.Context(), id, client.ContainerUpdateOptions{
		RestartPolicy: &container.RestartPolicy{Name: container.RestartPolicyDisabled},
	})
	require.NoError(t, err)
	m.exit(4)
	m.eventually(id, func(c container.InspectResponse) bool { return c.State.Status == container.StateExited })
}

func TestRestart(t *testing.T) {
	m := newMachine(t)
	id := m.run(spec(m.pull("v1", nil)))
	before := m.inspect(id).State.Pid
	_, err := m.docker.ContainerRestart(t.Context(), id, client.ContainerRestartOptions{})
	require.NoError(t, err)
	m.serving(8080)
	assert.NotEqual(t, before, m.inspect(id).State.Pid)
}

func TestRemove(t *testing.T) {
	m := newMachine(t)
	id := m.run(spec(m.pull("v1", nil)))
	_, err := m.docker.ContainerRemove(t.Context(), id, client.ContainerRemoveOptions{})
	require.True(t, errdefs.IsConflict(err), err)
	wait := m.docker.ContainerWait(t.Context(), id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	_, err = m.docker.ContainerRemove(t.Context(), id, client.ContainerRemoveOptions{Force: true})
	require.NoError(t, err)
	select {
	case result := <-wait.Result:
		assert.EqualValues(t, 137, result.StatusCode)
	case err := <-wait.Error:
		require.NoError(t, err)
	}
	_, err = m.docker.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
	require.True(t, errdefs.IsNotFound(err))
}

func TestContainerThatRemovesItself(t *testing.T) {
	m := newMachine(t)
	o := spec(m.pull("v1", nil))
	o.HostConfig.AutoRemove, o.HostConfig.RestartPolicy.Name = true, "no"
	id := m.run(o)
	_, err := m.docker.ContainerStop(t.Context(), id, client.ContainerStopOptions{})
	require.NoError(t, err)
	_, err = m.docker.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
	require.True(t, errdefs.IsNotFound(err))
}

func TestHealthCheck(t *testing.T) {
	m := newMachine(t)
	for _, c := range []struct {
		name string
		test []string
		want container.HealthStatus
	}{
		{"well", []string{"CMD", "/service", "healthcheck"}, container.Healthy},
		{"ill", []string{"CMD", "/service", "exit", "1"}, container.Unhealthy},
		{"noshell", []string{"CMD-SHELL", "true"}, container.Unhealthy},
		{"none", []string{"NONE"}, container.NoHealthcheck},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := spec(m.pull(c.name, func(config *v1.Config) {
				config.Healthcheck = &v1.HealthConfig{Test: c.test, Interval: 30 * time.Millisecond, Timeout: 10 * time.Second, Retries: 2}
			}))
			id := m.run(o)
			m.eventually(id, func(got container.InspectResponse) bool {
				if got.State.Health == nil {
					return c.want == container.NoHealthcheck
				}
				return got.State.Health.Status == c.want
			})
			_, err := m.docker.ContainerRemove(t.Context(), id, client.ContainerRemoveOptions{Force: true})
			require.NoError(t, err)
		})
	}
}

func TestCloseLeavesNoProcess(t *testing.T) {
	for _, end := range []string{"close", "context"} {
		t.Run(end, func(t *testing.T) {
			m := newMachine(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			e, err := engine.New(ctx, engine.Options{Root: m.root, Wire: wire.New()})
			require.NoError(t, err)
			m.engine, m.docker = e, dockerClient(t, e)
			id := m.create(spec(m.pull("v1", nil)))
			m.start(id)
			pid := m.inspect(id).State.Pid
			if end == "close" {
				require.NoError(t, e.Close())
				require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
				_, err := e.Dial(t.Context())
				require.Error(t, err)
				return
			}
			cancel()
			require.Eventually(t, func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH }, 30*time.Second, 5*time.Millisecond)
		})
	}
}
