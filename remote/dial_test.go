package remote_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/growl-dev/deploy/internal/porttest"
	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
	"github.com/stretchr/testify/require"
)

// mute accepts connections and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

func TestSilentServer(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	c.Address, c.Timeout = mute(t), 100*time.Millisecond
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrUnreachable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "unreachable: no answer in 100ms: "+checkTheWay)
	require.NotContains(t, err.Error(), "deadline")
}

const checkTheWay = "check the address, the security group's rule for SSH, and whether the way leads through a jump host (Jump) or a ProxyCommand"

// A server that goes silent in the middle of the handshake hangs nobody either.
func TestServerFreezesInHandshake(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	relay := sshtest.StartRelay(t, server.Addr)
	relay.Freeze()
	c.Address, c.Timeout = relay.Addr, 100*time.Millisecond
	require.ErrorIs(t, dialError(t, c), remote.ErrUnreachable)
}

func TestCancelledDial(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	c.Address = mute(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := remote.Dial(ctx, c)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, remote.ErrUnreachable)
}

func TestRefusedConnection(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	c.Address = porttest.Refused
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrUnreachable)
	require.ErrorContains(t, err, "connect: connection refused: "+checkTheWay)
}

func TestJump(t *testing.T) {
	inner, c := start(t, sshtest.Options{})
	key := keyOf(t, c)
	outer := sshtest.Start(t, sshtest.Options{Authorized: key})
	middle := sshtest.Start(t, sshtest.Options{Authorized: key})
	c.Jump = []remote.Hop{{Address: outer.Addr, User: "bastion"}, {Address: middle.Addr}}
	c.KnownHosts = append(c.KnownHosts, outer.KnownHosts(), middle.KnownHosts())

	client := dial(t, c)
	out, err := client.Run(t.Context(), "echo through")
	require.NoError(t, err)
	require.Equal(t, "through\n", string(out))
	require.Equal(t, []string{"bastion"}, outer.Users())
	require.Equal(t, []string{"ec2-user"}, middle.Users())
	require.Equal(t, []string{"ec2-user"}, inner.Users())

	outer.Cut()
	require.ErrorIs(t, client.Wait(), remote.ErrLost)
}

func TestJumpHostKeyUnknown(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	outer := sshtest.Start(t, sshtest.Options{Authorized: keyOf(t, c)})
	c.Jump = []remote.Hop{{Address: outer.Addr}}
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrHostKeyUnknown)
	require.ErrorContains(t, err, "jump host "+outer.Addr)
}

// What is behind a jump host that cannot be reached, or is silent, is told from
// the jump host itself.
func TestJumpToNowhere(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	outer := sshtest.Start(t, sshtest.Options{Authorized: keyOf(t, c)})
	c.Jump = []remote.Hop{{Address: outer.Addr}}
	c.KnownHosts = append(c.KnownHosts, outer.KnownHosts())
	c.Address, c.Timeout = "127.0.0.1:1", 5*time.Second
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrUnreachable)
	require.NotContains(t, err.Error(), "jump host "+outer.Addr+":")
	require.ErrorContains(t, err, "the jump host "+outer.Addr+" cannot reach 127.0.0.1:1: ")

	c.Address, c.Timeout = mute(t), 300*time.Millisecond
	require.ErrorIs(t, dialError(t, c), remote.ErrUnreachable)
}

func TestProxyCommand(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	t.Setenv(proxyTarget, server.Addr)
	executable, err := os.Executable()
	require.NoError(t, err)
	c.ProxyCommand = fmt.Sprintf("test %%r%%n%%%%%%h%%p = ec2-useri-0abc%%%%%s && exec '%s' proxy", hostPort(server.Addr), executable)
	client := dial(t, c)
	out, err := client.Run(t.Context(), "echo proxied")
	require.NoError(t, err)
	require.Equal(t, "proxied\n", string(out))
	require.NoError(t, client.Close())
	require.ErrorIs(t, client.Wait(), net.ErrClosed)
}

func hostPort(address string) string {
	host, port, _ := net.SplitHostPort(address)
	return host + port
}

func TestProxyCommandFails(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	c.ProxyCommand = "echo first >&2; echo no such tunnel >&2; exit 3"
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrUnreachable)
	require.ErrorContains(t, err, "no such tunnel")
	require.NotContains(t, err.Error(), "first")
}

// A proxy command that hangs ends with the timeout, and so do its children:
// its own sleep holds the pipe open.
func TestProxyCommandHangs(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	c.ProxyCommand, c.Timeout = "sleep 600; true", 200*time.Millisecond
	begun := time.Now()
	require.ErrorIs(t, dialError(t, c), remote.ErrUnreachable)
	require.Less(t, time.Since(begun), 30*time.Second)
}
