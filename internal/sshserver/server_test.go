package sshserver_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/internal/porttest"
	"github.com/growl-dev/deploy/internal/sshserver"
)

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer
}

// machine is a server with the user alice, whose programs and connections send back what they receive.
type machine struct {
	*testing.T
	*sshserver.Server
	key ssh.Signer
}

func start(t *testing.T) machine {
	t.Helper()
	m := machine{T: t, key: newKey(t)}
	server, err := sshserver.Start(sshserver.Options{
		HostKeys: []ssh.Signer{newKey(t)}, MaxSessions: 2,
		Authorize: func(user string, key ssh.PublicKey) bool {
			return user == "alice" && string(key.Marshal()) == string(m.key.PublicKey().Marshal())
		},
		DialTCP: func(_ context.Context, host string, port int, origin uint16) (net.Conn, error) {
			if host != "10.0.0.1" || port != 80 || origin != 0 {
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			}
			return echo(), nil
		},
		DialUnix: func(_ context.Context, path string) (net.Conn, error) {
			if path != "/run/a.sock" {
				return nil, syscall.ENOENT
			}
			return echo(), nil
		},
		Program: func(kind, argument string) sshserver.Program {
			if kind != "exec" || argument == "none" {
				return nil
			}
			return func(_ context.Context, session ssh.Channel) {
				_, _ = io.WriteString(session, argument+"\n")
				_, _ = io.Copy(session, session)
				sshserver.Exit(session, len(argument))
			}
		},
	})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	m.Server = server
	return m
}

// echo returns a connection whose other end sends back what it receives.
func echo() net.Conn {
	near, far := net.Pipe()
	go func() { _, _ = io.Copy(far, far); _ = far.Close() }()
	return near
}

func (m machine) dialAs(user string, key ssh.Signer) (*ssh.Client, error) {
	return ssh.Dial("tcp", m.Addr(), &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.FixedHostKey(m.HostKeys()[0].PublicKey()), Timeout: 30 * time.Second,
	})
}

func (m machine) dial() *ssh.Client {
	m.Helper()
	c, err := m.dialAs("alice", m.key)
	require.NoError(m, err)
	m.Cleanup(func() { _ = c.Close() })
	return c
}

func TestOnlyTheAuthorizedKeyLogsIn(t *testing.T) {
	m := start(t)
	_, err := m.dialAs("alice", newKey(t))
	require.ErrorContains(t, err, "unable to authenticate")
	_, err = m.dialAs("bob", m.key)
	require.ErrorContains(t, err, "unable to authenticate")
	_, _, err = m.dial().SendRequest("keepalive@openssh.com", true, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"alice"}, m.Users())
}

func TestSessions(t *testing.T) {
	m := start(t)
	c := m.dial()
	session, err := c.NewSession()
	require.NoError(t, err)
	out, err := session.Output("true")
	var exit *ssh.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 4, exit.ExitStatus())
	assert.Equal(t, "true\n", string(out))

	session, err = c.NewSession()
	require.NoError(t, err)
	require.Error(t, session.Start("none"))
	require.Error(t, session.RequestSubsystem("sftp"))
	_, err = session.StdinPipe() // which stays open, so that the program does not end
	require.NoError(t, err)
	require.NoError(t, session.Start("cat"), "a refused request leaves the session open")
	require.Eventually(t, func() bool { _, err := c.NewSession(); return err == nil }, 30*time.Second, 5*time.Millisecond)
	_, err = c.NewSession()
	var refused *ssh.OpenChannelError
	require.ErrorAs(t, err, &refused, "MaxSessions")
	m.EndSessions()
	require.Error(t, session.Wait())
	require.Eventually(t, func() bool { _, err := c.NewSession(); return err == nil }, 30*time.Second, 5*time.Millisecond)
}

func TestForwarding(t *testing.T) {
	c := start(t).dial()
	for _, to := range [][2]string{{"tcp", "10.0.0.1:80"}, {"unix", "/run/a.sock"}} {
		conn, err := c.Dial(to[0], to[1])
		require.NoError(t, err)
		_, err = conn.Write([]byte("hello"))
		require.NoError(t, err)
		got := make([]byte, 5)
		_, err = io.ReadFull(conn, got)
		require.NoError(t, err)
		assert.Equal(t, "hello", string(got))
		require.NoError(t, conn.Close())
	}
	_, err := c.Dial("tcp", "10.0.0.1:81")
	require.ErrorContains(t, err, "connect failed: connection refused")
	_, err = c.Dial("unix", "/run/b.sock")
	require.ErrorContains(t, err, "connect failed: no such file or directory")
}

func TestServerThatMisbehaves(t *testing.T) {
	m := start(t)
	open, addr := m.dial(), m.Addr()

	m.StopListening()
	porttest.Closed(t, addr)
	_, err := open.NewSession()
	require.NoError(t, err, "an open connection continues")

	m = start(t)
	open, addr = m.dial(), m.Addr()
	m.Cut()
	require.Error(t, open.Wait())

	m.SetSilent(true)
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, conn.Close())
	m.SetSilent(false)

	open = m.dial()
	m.Server.Close()
	require.Error(t, open.Wait())
	porttest.Closed(t, addr)
}
