package docker_test

import (
	"context"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
)

// sshConn logs into a real OpenSSH server with further settings.
func sshConn(t *testing.T, login string, settings ...string) *remote.Client {
	t.Helper()
	path, key, _ := sshtest.KeyFile(t, "")
	server := sshtest.StartOpenSSH(t, key, settings...)
	if login == "" {
		login = server.User
	}
	conn, err := remote.Dial(t.Context(), remote.Config{
		Name: "i-a", Address: server.Addr, User: login, KeyFile: path, KnownHosts: []string{server.KnownHosts},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// socketIn makes a listening socket in a folder that everybody may enter, whose path is short enough for one.
func socketIn(t *testing.T) (path string, listener *net.UnixListener) {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	path = filepath.Join(dir, "docker.sock")
	listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return path, listener
}

// openError returns the error of opening an engine that cannot be reached.
func openError(t *testing.T, conn docker.Conn, socket string) string {
	t.Helper()
	_, err := docker.Open(t.Context(), conn, docker.Options{Spec: docker.Spec{Name: "web", HostPort: 8080, ContainerPort: 8080}, Socket: socket})
	require.ErrorIs(t, err, docker.ErrEngine)
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "Cannot connect to the Docker daemon")
	if socket != docker.DefaultSocket {
		assert.NotContains(t, err.Error(), docker.DefaultSocket)
	}
	return err.Error()
}

// OpenSSH answers in the same words to all four.
func TestWhyTheEngineCannotBeReached(t *testing.T) {
	socket, listener := socketIn(t)
	for _, setting := range []string{"AllowStreamLocalForwarding no", "DisableForwarding yes"} {
		assert.Contains(t, openError(t, sshConn(t, "", setting), socket), "sshd forbids the connection to "+socket+": set AllowStreamLocalForwarding yes")
	}
	conn := sshConn(t, "")
	missing := socket + ".none"
	assert.Contains(t, openError(t, conn, missing), "there is no socket "+missing+": install and start Docker")
	listener.SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	assert.Contains(t, openError(t, conn, socket), "nothing listens at "+socket+": start Docker")
}

func TestAUserOutsideOfTheEnginesGroup(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to log in as another user")
	}
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	group, err := user.LookupGroup("daemon")
	require.NoError(t, err)
	gid, err := strconv.Atoi(group.Gid)
	require.NoError(t, err)
	socket, listener := socketIn(t)
	go func() { _ = http.Serve(listener, http.NotFoundHandler()) }()
	conn := sshConn(t, nobody.Username)
	require.NoError(t, os.Chown(socket, 0, gid))
	require.NoError(t, os.Chmod(socket, 0o660))
	assert.Contains(t, openError(t, conn, socket), "the user may not use "+socket+": add the user to its group (daemon)")
	require.NoError(t, os.Chmod(socket, 0o666))
	assert.Contains(t, openError(t, conn, socket), "404 page not found", "it was reached")
}

// partlyRemote is an instance whose engine is a fake, and whose ports are reached through a real OpenSSH server.
type partlyRemote struct {
	*fakeEngine
	ports *remote.Client
}

func (p partlyRemote) Exchange(ctx context.Context, address string, talk func(io.ReadWriter) error) error {
	return p.ports.Exchange(ctx, address, talk)
}

// A server that forbids TCP forwarding is found while the old container serves.
func TestPrepareRefusesAServerThatForbidsForwarding(t *testing.T) {
	for setting, forbidden := range map[string]bool{"AllowTcpForwarding no": true, "AllowTcpForwarding yes": false} {
		engine := newFakeEngine(t)
		h, err := docker.Open(t.Context(), partlyRemote{engine, sshConn(t, "", setting)}, docker.Options{Spec: engine.spec})
		require.NoError(t, err)
		before := engine.summary()
		err = h.Prepare(t.Context(), release(fakeNew), nil)
		assert.Equal(t, before, engine.summary())
		if !forbidden {
			assert.NotErrorIs(t, err, remote.ErrForwarding)
			continue
		}
		assert.ErrorIs(t, err, remote.ErrForwarding)
		assert.ErrorContains(t, err, "AllowTcpForwarding yes in its sshd_config")
	}
}

func TestHiddenProcessesAreNamed(t *testing.T) {
	for name, conn := range map[string]hiding{
		"hidepid=2": {fs.ErrNotExist, "", newFakeEngine(t)},
		"hidepid=1": {fs.ErrPermission, "", newFakeEngine(t)},
	} {
		h, err := docker.Open(t.Context(), conn, docker.Options{Spec: conn.spec})
		require.NoError(t, err)
		_, err = h.Traffic(t.Context())
		require.ErrorContains(t, err, "/proc hides the processes of other users (hidepid): mount it with hidepid=0", name)
	}
	partly := hiding{fs.ErrNotExist, "/proc/1/net/tcp", newFakeEngine(t)}
	h, err := docker.Open(t.Context(), partly, docker.Options{Spec: partly.spec})
	require.NoError(t, err)
	_, err = h.Traffic(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotContains(t, err.Error(), "hidepid", "a process that is gone is not hidden")
}

// hiding is an instance whose /proc hides the processes of others.
type hiding struct {
	answer error
	shown  string // a file that can be read all the same
	*fakeEngine
}

func (h hiding) ReadFile(ctx context.Context, path string) ([]byte, error) {
	if path == h.shown {
		return []byte("sl local_address rem_address st\n"), nil
	}
	if strings.HasPrefix(path, "/proc/") {
		return nil, h.answer
	}
	return h.fakeEngine.ReadFile(ctx, path)
}
