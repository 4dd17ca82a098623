package docker_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
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
	require.Equal(t, rollout.State{Missing: state.Missing}, state)
	require.Contains(t, state.Missing, "no container is called "+l.spec.Name)

	one := l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "one"})
	l.swap(h, one)
	_, err = h.Settle(t.Context())
	require.NoError(t, err)
	l.serves(one)

	two := l.push(time.Hour, map[string]string{"GIT_COMMIT": "two"})
	window := l.swap(h, two)
	require.Positive(t, window)
	require.Less(t, window, 30*time.Second)
	require.NoError(t, h.Revert(t.Context()))
	require.NoError(t, h.Revert(t.Context()), "going back twice is harmless")
	require.Equal(t, container.RestartPolicyAlways, l.serves(one).HostConfig.RestartPolicy.Name)

	l.swap(h, two)
	_, err = h.Settle(t.Context())
	require.NoError(t, err)
	found := l.serves(two)
	require.Contains(t, found.Config.Env, "SECRET=hunter22")
	require.Equal(t, two.Digest(), found.Config.Labels[l.spec.Label(docker.LabelRelease)])
	require.Equal(t, "SIGUSR1", found.Config.Labels[l.spec.Label(docker.LabelDrain)])
	require.Equal(t, "r1", found.Config.Labels[l.spec.Label(docker.LabelRun)])
	require.Equal(t, map[string]string{"max-size": "10m", "max-file": "3"}, found.HostConfig.LogConfig.Config)
	require.Equal(t, "/data", found.Mounts[0].Destination)
	require.EqualValues(t, l.spec.MemoryLimit, found.HostConfig.Memory)

	described, err := h.Describe(t.Context())
	require.NoError(t, err)
	require.Empty(t, described.Differs)
	require.Len(t, described.EnvSeal, 64)
	require.NoError(t, os.WriteFile(envFile, []byte("SECRET=hunter23\n"), 0o600))
	changed, err := h.Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"environment other than the env file's"}, changed.Differs)
	require.NotEqual(t, described.EnvSeal, changed.EnvSeal)
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
	described, err := h.Describe(t.Context())
	require.NoError(t, err)
	require.Contains(t, described.Differs, "drain signal none, not SIGUSR1")
	require.NotContains(t, fmt.Sprint(described.Differs), "port", "it publishes the same")
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
	l.awaitAnswer(cmp.Or(options.HostConfig.PortBindings[port][0].HostIP, netip.MustParseAddr("127.0.0.1")))
	return made.ID
}

func (l *lab) awaitHealth() { l.awaitAnswer(netip.MustParseAddr("127.0.0.1")) }

// awaitAnswer waits until the service answers on one address of the instance.
func (l *lab) awaitAnswer(on netip.Addr) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		response, err := http.Get(fmt.Sprintf("http://%s:%d/", on, l.spec.HostPort))
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
			// The engine restarts the container, which writes the line in each of its lives.
			require.Equal(t, []string{"cannot log in to the database as [redacted]"}, slices.Compact(exited.LogLines()))
			require.NotContains(t, err.Error(), "hunter22")
			require.NotContains(t, err.Error(), "cannot log in")
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
		err := h.Start(t.Context(), bad)
		if err == nil { // one that exits at once may do so before it has its name
			patience := 30 * time.Second // a busy engine is slow to tell of an exit
			if mode == "unhealthy" {
				patience = 10 * time.Second
			}
			_, err = h.Prove(l.within(patience), bad)
		}
		require.Error(t, err)
		require.NotContains(t, err.Error(), "\n")
		check(err)
		require.NoError(t, l.host().Revert(t.Context()))
		l.serves(good)
	}
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
	err := h.Start(t.Context(), bad)
	if err == nil {
		_, err = h.Prove(l.within(10*time.Second), bad)
	}
	require.Error(t, err)
	require.ErrorIs(t, h.Revert(t.Context()), docker.ErrNoPrevious)
}

func TestSettlePrunes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.spec.Keep = 2
	nightly := l.push(100*time.Hour, map[string]string{"GIT_COMMIT": "nightly"})
	_, digest, _ := strings.Cut(nightly.Image, "@sha256:")
	pull, err := l.api.ImagePull(t.Context(), l.repository+":"+digest[:12], client.ImagePullOptions{})
	require.NoError(t, err)
	require.NoError(t, pull.Wait(t.Context()))
	var releases, removed []string
	for i := range 4 {
		r := l.push(time.Duration(10-i)*time.Hour, map[string]string{"GIT_COMMIT": fmt.Sprint("c", i)})
		releases, removed = append(releases, r.Image), append(removed, l.deploy(r)...)
	}
	require.Equal(t, releases[:2], removed)
	require.ElementsMatch(t, append(releases[2:], nightly.Image), l.images(), "a job's image has a tag and stays")
}

func TestOtherInstance(t *testing.T) {
	conn := &localConn{id: "i-b"}
	_, err := docker.Open(t.Context(), conn, docker.Options{Spec: docker.Spec{Name: "svc", HostPort: 1, ContainerPort: 1}, InstanceID: "i-a"})
	require.ErrorIs(t, err, docker.ErrOtherInstance)
	require.ErrorContains(t, err, `this is "i-b", not i-a: the address was reused?`)
}
