package remote_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/internal/sshtest"
)

func TestLinkOutlivesItsConnections(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	file := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(file, []byte("still here"), 0o600))
	dialed := 0
	link, err := remote.NewLink(t.Context(), c, func(context.Context, *remote.Client) error { dialed++; return nil })
	require.NoError(t, err)
	t.Cleanup(func() { _ = link.Close() })
	for range 3 {
		content, err := link.ReadFile(t.Context(), file)
		require.NoError(t, err)
		require.Equal(t, "still here", string(content))
		_, err = link.Stat(t.Context(), file)
		require.NoError(t, err)
		server.Cut()
	}
	require.Equal(t, 3, dialed, "one connection for each cut, and none without")

	require.NoError(t, link.Close())
	require.NoError(t, link.Close())
	_, err = link.ReadFile(t.Context(), file)
	require.ErrorIs(t, err, net.ErrClosed)
}

// Another machine may have taken over the address meanwhile.
func TestLinkChecksEveryNewConnection(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	other := errors.New("another machine")
	var answer error
	link, err := remote.NewLink(t.Context(), c, func(context.Context, *remote.Client) error { return answer })
	require.NoError(t, err)
	t.Cleanup(func() { _ = link.Close() })
	answer = other
	server.Cut()
	_, err = link.ReadFile(t.Context(), "/etc/hosts")
	require.ErrorIs(t, err, other)

	_, err = remote.NewLink(t.Context(), c, func(context.Context, *remote.Client) error { return other })
	require.ErrorIs(t, err, other)
}

// A server that was there and is restarted is waited for; one that never was is not.
func TestLinkWaitsForAServerThatIsRestarted(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	relay := sshtest.StartRelay(t, server.Addr)
	c.Address = relay.Addr
	c.KnownHosts = []string{sshtest.Lines(t, lineFor(relay.Addr, server))}
	relay.Refuse(1)
	_, err := remote.NewLink(t.Context(), c, nil)
	require.ErrorIs(t, err, remote.ErrUnreachable)

	link, err := remote.NewLink(t.Context(), c, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = link.Close() })
	relay.Refuse(3)
	server.Cut()
	_, err = link.Stat(t.Context(), "/")
	require.NoError(t, err)
	require.True(t, relay.Refused())

	relay.Refuse(1000)
	server.Cut()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = link.Stat(ctx, "/")
	require.ErrorIs(t, err, remote.ErrUnreachable, "the caller's own bound holds")
}
