package remote_test

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
)

// A server that closes the connection before authentication, as OpenSSH does when too many logins are under way, is
// dialed again.
func TestAServerThatRefusesAFewConnectionsIsDialedAgain(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	relay := sshtest.StartRelay(t, server.Addr)
	c.Address = relay.Addr
	c.KnownHosts = []string{sshtest.Lines(t, lineFor(relay.Addr, server))}
	relay.Refuse(3)
	dial(t, c)
	require.True(t, relay.Refused())
}

// loiter opens a connection that never logs in, and waits until the server has greeted it.
func loiter(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.ReadFull(conn, make([]byte, len("SSH-2.0-OpenSSH")))
	require.NoError(t, err)
	return conn
}

func TestALimitOfLoginsIsNamed(t *testing.T) {
	server, c := openSSH(t, "MaxStartups 1:100:1")
	first := loiter(t, server.Addr)
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrUnreachable)
	require.ErrorContains(t, err, "(5 attempts)")
	require.ErrorContains(t, err, "raise MaxStartups in its sshd_config")
	assert.Positive(t, server.Logged("past MaxStartups"), "%v", server.Log())

	_, inner := start(t, sshtest.Options{})
	inner.Jump, inner.KeyFile = []remote.Hop{{User: server.User, Address: server.Addr}}, c.KeyFile
	inner.KnownHosts = append(inner.KnownHosts, server.KnownHosts)
	err = dialError(t, inner)
	require.ErrorContains(t, err, "jump host "+server.Addr+": unreachable: ")
	require.ErrorContains(t, err, "raise MaxStartups in its sshd_config")

	_ = first.Close()
	dial(t, c)
}

// The reason that a server writes in place of its version is shown.
func TestWhatIsNoSSHServerIsQuoted(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = conn.Read(make([]byte, 1))
				_, _ = io.WriteString(conn, "Not allowed at this time\r\n")
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
		}
	}()
	_, c := start(t, sshtest.Options{})
	c.Address = listener.Addr().String()
	require.ErrorContains(t, dialError(t, c), `the other end wrote "Not allowed at this time"`)
}
