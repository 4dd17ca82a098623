package engine_test

import (
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestContainerServesItsPort(t *testing.T) {
	t.Setenv("OF_THE_PARENT", "secret")
	m := newMachine(t)
	o := spec(m.pull("v1", nil))
	o.Config.Env = []string{"FROM=/tmp/deployment-test/sub", "GREETING=hello"}
	id := m.run(o)

	env := m.env()
	assert.NotEqual(t, "8080", env["PORT"], "the real port is another")
	assert.Equal(t, filepath.Join(m.root, "tmp/deployment-test"), env["LOG_DIR"])
	assert.Equal(t, filepath.Join(m.root, "tmp/deployment-test/sub"), env["FROM"])
	assert.Equal(t, "hello", env["GREETING"])
	assert.Equal(t, "v1", env["GIT_COMMIT"])
	assert.Equal(t, id[:12], env["HOSTNAME"])
	assert.NotContains(t, env, "OF_THE_PARENT")
	note, err := os.ReadFile(filepath.Join(m.root, "tmp/deployment-test/service.log"))
	require.NoError(t, err)
	assert.Equal(t, "started v1\n", string(note), "the log is on the instance")

	got := m.inspect("growl-backend")
	assert.Contains(t, got.Config.Env, "PORT=8080", "as given")
	assert.Equal(t, "/growl-backend", got.Name)
	assert.True(t, got.State.Running)
	assert.Equal(t, container.StateRunning, got.State.Status)
	assert.Positive(t, got.State.Pid)
	assert.Equal(t, "8080", got.NetworkSettings.Ports[network.MustParsePort("8080/tcp")][0].HostPort)
	assert.Equal(t, netip.MustParseAddr("172.17.0.2"), got.NetworkSettings.Networks["bridge"].IPAddress)
	assert.Equal(t, "/tmp/deployment-test", got.Mounts[0].Source)
	stack, ok := m.engine.Stack(got.State.Pid)
	require.True(t, ok)
	assert.Positive(t, stack.Snapshot().PassiveOpens)
}

func TestInspectHasWhatOldClientsRead(t *testing.T) {
	m := newMachine(t)
	id := m.run(spec(m.pull("v1", nil)))
	got, err := m.docker.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
	require.NoError(t, err)
	var raw struct {
		NetworkSettings struct{ IPAddress, Gateway string }
	}
	require.NoError(t, json.Unmarshal(got.Raw, &raw))
	assert.Equal(t, "172.17.0.2", raw.NetworkSettings.IPAddress)
	assert.Equal(t, "172.17.0.1", raw.NetworkSettings.Gateway)
}

func TestListAndFilters(t *testing.T) {
	m := newMachine(t)
	ref := m.pull("v1", nil)
	m.run(spec(ref))
	next := spec(ref)
	next.Name = "growl-backend-next"
	m.create(next)
	for _, c := range []struct {
		all    bool
		filter []string
		want   []string
	}{
		{false, nil, []string{"/growl-backend"}},
		{true, nil, []string{"/growl-backend-next", "/growl-backend"}},
		{true, []string{"name", "^/growl-backend$"}, []string{"/growl-backend"}},
		{true, []string{"name", "next"}, []string{"/growl-backend-next"}},
		{true, []string{"label", "commit=v1"}, []string{"/growl-backend-next", "/growl-backend"}},
		{true, []string{"label", "commit=v2"}, nil},
		{false, []string{"status", "created"}, []string{"/growl-backend-next"}},
	} {
		filters := client.Filters{}
		if c.filter != nil {
			filters = filters.Add(c.filter[0], c.filter[1])
		}
		list, err := m.docker.ContainerList(t.Context(), client.ContainerListOptions{All: c.all, Filters: filters})
		require.NoError(t, err)
		var names []string
		for _, item := range list.Items {
			names = append(names, item.Names...)
		}
		assert.Equal(t, c.want, names, c.filter)
	}
}

func TestNamesAreUnique(t *testing.T) {
	m := newMachine(t)
	ref := m.pull("v1", nil)
	m.create(spec(ref))
	_, err := m.docker.ContainerCreate(t.Context(), spec(ref))
	require.True(t, errdefs.IsConflict(err), err)
	require.ErrorContains(t, err, `Conflict. The container name "/growl-backend" is already in use by container "`)
	other := spec(ref)
	other.Name = "other"
	m.create(other)
	_, err = m.docker.ContainerRename(t.Context(), "other", client.ContainerRenameOptions{NewName: "growl-backend"})
	require.True(t, errdefs.IsConflict(err), err)
	_, err = m.docker.ContainerRename(t.Context(), "other", client.ContainerRenameOptions{NewName: "growl-backend-previous"})
	require.NoError(t, err)
	assert.Equal(t, "/growl-backend-previous", m.inspect("growl-backend-previous").Name)
}

func TestCreateRefusesWhatMakesNoSense(t *testing.T) {
	m := newMachine(t)
	ref := m.pull("v1", nil)
	for _, c := range []struct {
		change func(*client.ContainerCreateOptions)
		is     func(error) bool
		error  string
	}{
		{func(o *client.ContainerCreateOptions) { o.Config.Image = "nope" }, errdefs.IsNotFound, "No such image: nope:latest"},
		{func(o *client.ContainerCreateOptions) { o.Name = "a b" }, errdefs.IsInvalidArgument, "Invalid container name"},
		{func(o *client.ContainerCreateOptions) { o.Config.StopSignal = "SIGNOPE" }, errdefs.IsInvalidArgument, "Invalid signal: SIGNOPE"},
		{func(o *client.ContainerCreateOptions) { o.HostConfig.RestartPolicy.Name = "sometimes" }, errdefs.IsInvalidArgument, "restart policy"},
		{func(o *client.ContainerCreateOptions) { o.HostConfig.Binds = []string{"nonsense"} }, errdefs.IsInvalidArgument, "invalid volume specification"},
		{func(o *client.ContainerCreateOptions) {
			o.HostConfig.Mounts = []mount.Mount{{Type: mount.TypeBind, Source: "/nope", Target: "/x"}}
		}, errdefs.IsInvalidArgument, "bind source path does not exist: /nope"},
	} {
		o := spec(ref)
		c.change(&o)
		_, err := m.docker.ContainerCreate(t.Context(), o)
		require.ErrorContains(t, err, c.error)
		require.True(t, c.is(err), err)
	}
}

func TestMountsAreThereAtStart(t *testing.T) {
	m := newMachine(t)
	o := spec(m.pull("v1", nil))
	o.HostConfig.Binds = []string{"/srv/made:/data:ro", "volume:/volume"}
	o.Config.Env = []string{"DATA=/data/x", "VOLUME=/volume"}
	m.run(o)
	env := m.env()
	assert.Equal(t, filepath.Join(m.root, "srv/made/x"), env["DATA"])
	assert.DirExists(t, filepath.Join(m.root, "srv/made"), "what -v names is made")
	assert.DirExists(t, env["VOLUME"])

	_, err := m.docker.ContainerStop(t.Context(), "growl-backend", client.ContainerStopOptions{})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(m.root, "tmp/deployment-test")))
	_, err = m.docker.ContainerStart(t.Context(), "growl-backend", client.ContainerStartOptions{})
	require.ErrorContains(t, err, "bind source path does not exist: /tmp/deployment-test")
}

func TestMountCannotLeaveTheInstance(t *testing.T) {
	m := newMachine(t)
	ref := m.pull("v1", nil)
	require.NoError(t, os.Symlink("/", filepath.Join(m.root, "out")))
	for _, source := range []string{"/out/tmp", "/../../../../tmp/deployment-test/../../out/tmp"} {
		o := spec(ref)
		o.HostConfig.Mounts[0].Source = source
		_, err := m.docker.ContainerCreate(t.Context(), o)
		require.Error(t, err, source)
	}
}

func TestPortBelongsToOneContainer(t *testing.T) {
	m := newMachine(t)
	ref := m.pull("v1", nil)
	first := m.run(spec(ref))
	real := m.env()["PORT"]
	o := spec(ref)
	o.Name = "second"
	second := m.create(o)
	_, err := m.docker.ContainerStart(t.Context(), second, client.ContainerStartOptions{})
	require.ErrorContains(t, err, "driver failed programming external connectivity on endpoint second")
	require.ErrorContains(t, err, "Bind for 0.0.0.0:8080 failed: port is already allocated")
	state := m.inspect(second).State
	assert.Equal(t, container.StateCreated, state.Status)
	assert.Equal(t, 128, state.ExitCode)
	assert.Contains(t, state.Error, "port is already allocated")

	_, err = m.docker.ContainerStop(t.Context(), first, client.ContainerStopOptions{})
	require.NoError(t, err)
	_, err = m.get(8080, "/healthz")
	require.Error(t, err)
	m.start(second)
	m.serving(8080)
	assert.Equal(t, real, m.env()["PORT"], "a host port keeps its real port")
}

func TestEngineChoosesPorts(t *testing.T) {
	m := newMachine(t)
	o := spec(m.pull("v1", nil))
	o.HostConfig.PortBindings = nil
	o.HostConfig.PublishAllPorts = true
	m.start(m.create(o))
	m.serving(32768)
	assert.Equal(t, "32768", m.inspect("growl-backend").NetworkSettings.Ports[network.MustParsePort("8080/tcp")][0].HostPort)
}

func TestHostNetwork(t *testing.T) {
	m := newMachine(t)
	o := spec(m.pull("v1", nil))
	o.HostConfig.PortBindings, o.HostConfig.NetworkMode = nil, "host"
	id := m.run(o)
	got := m.inspect(id)
	assert.Empty(t, got.NetworkSettings.Ports)
	assert.Contains(t, got.NetworkSettings.Networks, "host")
}

func TestProgramThatCannotRun(t *testing.T) {
	m := newMachine(t)
	for _, c := range []struct {
		name       string
		entrypoint string
		code       int
		error      string
	}{
		{"absent", "/nope", 127, "no such file or directory"},
		{"not on the path", "nope", 127, "executable file not found in $PATH"},
		{"not executable", "/commit", 126, "permission denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ref := m.pull(strings.ReplaceAll(c.name, " ", "-"), func(config *v1.Config) { config.Entrypoint = []string{c.entrypoint} })
			o := spec(ref)
			o.Name = "bad" + strings.ReplaceAll(c.name, " ", "")
			id := m.create(o)
			_, err := m.docker.ContainerStart(t.Context(), id, client.ContainerStartOptions{})
			require.True(t, errdefs.IsInvalidArgument(err), err)
			require.ErrorContains(t, err, c.error)
			assert.NotContains(t, err.Error(), m.root)
			assert.Equal(t, c.code, m.inspect(id).State.ExitCode)
		})
	}
}

func TestLogs(t *testing.T) {
	m := newMachine(t)
	o := spec(m.pull("v1", nil))
	o.HostConfig.RestartPolicy.Name = "no"
	o.Config.Cmd = []string{"exit", "7"}
	id := m.create(o)
	wait := m.docker.ContainerWait(t.Context(), id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	m.start(id)
	select {
	case result := <-wait.Result:
		assert.EqualValues(t, 7, result.StatusCode)
	case err := <-wait.Error:
		require.NoError(t, err)
	}
	out, problems := m.logs(id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	assert.Equal(t, "out of it\n", out)
	assert.Equal(t, "about to exit", problems, "also without a newline")
	out, problems = m.logs(id, client.ContainerLogsOptions{ShowStderr: true})
	assert.Empty(t, out)
	assert.NotEmpty(t, problems)
	out, problems = m.logs(id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "1"})
	assert.Len(t, out+problems, max(len(out), len(problems)), "one line of one stream")
	out, _ = m.logs(id, client.ContainerLogsOptions{ShowStdout: true, Timestamps: true})
	at, line, _ := strings.Cut(out, " ")
	_, err := time.Parse(time.RFC3339Nano, at)
	require.NoError(t, err)
	assert.Equal(t, "out of it\n", line)
	_, err = m.docker.ContainerLogs(t.Context(), id, client.ContainerLogsOptions{})
	require.True(t, errdefs.IsInvalidArgument(err), err)
}

func TestLogsFollowUntilTheEnd(t *testing.T) {
	m := newMachine(t)
	id := m.run(spec(m.pull("v1", nil)))
	stream, err := m.docker.ContainerLogs(t.Context(), id, client.ContainerLogsOptions{ShowStdout: true, Follow: true})
	require.NoError(t, err)
	defer stream.Close()
	frame := make([]byte, 8+len("started v1\n"))
	_, err = stream.Read(frame)
	require.NoError(t, err)
	_, err = m.docker.ContainerStop(t.Context(), id, client.ContainerStopOptions{})
	require.NoError(t, err)
	rest, err := io.ReadAll(stream)
	require.NoError(t, err, "it ends with the container")
	assert.Contains(t, string(rest), "signal terminated")
}

func TestEngineIsGone(t *testing.T) {
	m := newMachine(t)
	ref := m.pull("v1", nil)
	id := m.create(spec(ref))
	m.start(id)
	m.serving(8080)
	m.engine.SetGone(true)
	_, err := m.docker.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
	require.Error(t, err)
	_, err = m.engine.Dial(t.Context())
	require.Error(t, err)
	_, err = m.get(8080, "/healthz")
	require.NoError(t, err, "containers run on")
	m.engine.SetGone(false)
	assert.True(t, m.inspect(id).State.Running)
}
