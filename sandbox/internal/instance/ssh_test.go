package instance_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/internal/porttest"
	"github.com/growl-dev/deploy/sandbox/internal/instance"
)

func TestOptionsMustBeWhole(t *testing.T) {
	key, _ := newKey(t)
	for want, o := range map[string]instance.Options{
		"it needs an ID":       {Root: t.TempDir(), AuthorizedKeys: []ssh.PublicKey{key.PublicKey()}},
		"it needs a root":      {ID: id, AuthorizedKeys: []ssh.PublicKey{key.PublicKey()}},
		"nobody could log in":  {ID: id, Root: t.TempDir()},
		"lay out the files of": {ID: id, Root: "/dev/null/x", AuthorizedKeys: []ssh.PublicKey{key.PublicKey()}},
	} {
		_, err := instance.Start(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}

func TestLoginIsByKeyOnly(t *testing.T) {
	b := newBox(t)
	b.dial()
	stranger, _ := newKey(t)
	_, err := ssh.Dial("tcp", b.Addr(), b.config(stranger))
	require.ErrorContains(t, err, "unable to authenticate")
	root := b.config(b.key)
	root.User = "root"
	_, err = ssh.Dial("tcp", b.Addr(), root)
	require.ErrorContains(t, err, "unable to authenticate")
	password := b.config(b.key)
	password.Auth = []ssh.AuthMethod{ssh.Password("x")}
	_, err = ssh.Dial("tcp", b.Addr(), password)
	require.ErrorContains(t, err, "unable to authenticate")
}

func TestKeepalivesAreAnswered(t *testing.T) {
	b := newBox(t)
	_, _, err := b.dial().SendRequest("keepalive@openssh.com", true, nil)
	require.NoError(t, err)
}

func TestCommands(t *testing.T) {
	t.Setenv("OF_THE_PARENT", "secret")
	b := newBox(t)
	c := b.dial()
	for _, test := range []struct {
		command, stdin, stdout, stderr string
		status                         int
		signal                         string
	}{
		{command: "cat var/lib/cloud/data/instance-id", stdout: id + "\n"},
		{command: "cat; echo problem >&2; exit 3", stdin: "in", stdout: "in", stderr: "problem\n", status: 3},
		{command: "echo ${OF_THE_PARENT-unset} $USER", stdout: "unset ec2-user\n"},
		{command: "kill -TERM $$", signal: "TERM"},
		{command: "cat /nope-nope 2>/dev/null", status: 1},
	} {
		s, err := c.NewSession()
		require.NoError(t, err)
		var stdout, stderr bytes.Buffer
		s.Stdin, s.Stdout, s.Stderr = strings.NewReader(test.stdin), &stdout, &stderr
		err = s.Run(test.command)
		assert.Equal(t, test.stdout, stdout.String(), test.command)
		assert.Equal(t, test.stderr, stderr.String(), test.command)
		var exit *ssh.ExitError
		if test.status == 0 && test.signal == "" {
			require.NoError(t, err)
			continue
		}
		require.True(t, errors.As(err, &exit), err)
		assert.Equal(t, test.signal, exit.Signal())
		if test.signal == "" {
			assert.Equal(t, test.status, exit.ExitStatus())
		}
	}
}

func TestNoShell(t *testing.T) {
	b := newBox(t)
	s, err := b.dial().NewSession()
	require.NoError(t, err)
	var stdout bytes.Buffer
	s.Stdout = &stdout
	require.NoError(t, s.RequestPty("xterm", 24, 80, nil))
	require.NoError(t, s.Shell())
	require.Error(t, s.Wait())
	assert.Contains(t, stdout.String(), "no interactive shell")
	assert.Contains(t, stdout.String(), id)

	s, err = b.dial().NewSession()
	require.NoError(t, err)
	require.Error(t, s.RequestSubsystem("netconf"))
}

func TestTenSessionsAConnection(t *testing.T) {
	b := newBox(t)
	c := b.dial()
	var open []*ssh.Session
	for range 10 {
		s, err := c.NewSession()
		require.NoError(t, err)
		open = append(open, s)
	}
	_, err := c.NewSession()
	var refused *ssh.OpenChannelError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, ssh.ConnectionFailed, refused.Reason)
	require.NoError(t, open[0].Close())
	require.Eventually(t, func() bool {
		_, err := c.NewSession()
		return err == nil
	}, 30*time.Second, 5*time.Millisecond)
	_, err = c.Dial("unix", "/var/run/docker.sock")
	require.NoError(t, err, "forwarded connections do not count")
}

func TestDockerAndPortsThroughTheConnection(t *testing.T) {
	b := newBox(t)
	c := b.dial()
	pid := b.run(b.docker(c))
	client := &http.Client{Transport: &http.Transport{DialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
		return c.Dial(network, addr)
	}}}
	for _, host := range []string{"127.0.0.1", "localhost", "172.17.0.2"} {
		var body []byte
		require.Eventually(t, func() bool {
			answer, err := client.Get("http://" + host + ":8080/healthz")
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			body, err = io.ReadAll(answer.Body)
			return err == nil
		}, 30*time.Second, 5*time.Millisecond, host)
		assert.Equal(t, "ok", string(body))
	}
	stack, ok := b.Engine().Stack(pid)
	require.True(t, ok)
	for _, row := range stack.Snapshot().Rows[1:] {
		assert.Equal(t, "172.17.0.1", row.Peer.Addr().String(), "the container sees docker0")
	}
	for _, to := range [][2]string{{"tcp", "127.0.0.1:9"}, {"tcp", "198.51.100.1:80"}, {"unix", "/var/run/other.sock"}} {
		_, err := c.Dial(to[0], to[1])
		var refused *ssh.OpenChannelError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, ssh.ConnectionFailed, refused.Reason)
	}
}

func TestSixtyStreamsAtOnce(t *testing.T) {
	b := newBox(t)
	c := b.dial()
	var group sync.WaitGroup
	errs := make(chan error, 60)
	for range 60 {
		group.Go(func() {
			conn, err := c.Dial("unix", "/var/run/docker.sock")
			if err != nil {
				errs <- err
				return
			}
			defer conn.Close()
			_, err = io.WriteString(conn, "GET /_ping HTTP/1.0\r\n\r\n")
			if err == nil {
				_, err = io.ReadAll(conn)
			}
			errs <- err
		})
	}
	group.Wait()
	for range 60 {
		require.NoError(t, <-errs)
	}
}

func TestCommandsEndWithTheInstance(t *testing.T) {
	b := newBox(t)
	s, err := b.dial().NewSession()
	require.NoError(t, err)
	out, err := s.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.Start("echo $$; exec sleep 600"))
	line := make([]byte, 16)
	n, err := out.Read(line)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	require.NoError(t, err)
	require.NoError(t, b.Close())
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	require.FileExists(t, filepath.Join(b.root, "etc/hostname"), "the files stay")
}

func TestFaults(t *testing.T) {
	b := newBox(t)
	open := b.dial()
	b.CutSSH()
	require.Error(t, open.Wait())

	open = b.dial()
	b.RefuseSSH()
	porttest.Closed(t, b.Addr())
	_, err := open.NewSession()
	require.NoError(t, err, "connections that are open stay")
}

func TestEngineGoneIsSeenThroughSSH(t *testing.T) {
	b := newBox(t)
	c := b.dial()
	conn, err := c.Dial("unix", "/var/run/docker.sock")
	require.NoError(t, err)
	b.Engine().SetGone(true)
	_, err = io.ReadAll(conn)
	require.NoError(t, err, "cut")
	_, err = c.Dial("unix", "/var/run/docker.sock")
	require.ErrorContains(t, err, "connection refused")
	b.Engine().SetGone(false)
	_, err = c.Dial("unix", "/var/run/docker.sock")
	require.NoError(t, err)
}
