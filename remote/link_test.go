package remote_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
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

// After an outage TCP tries a connection again after twice as long each time, so that a host that was away for 30 s may
// be back for 20 s more before the old connection tells. A call that is not answered does not wait for that, and what
// was written and never arrived is dropped: it would be an act that is applied after its opposite.
func TestLinkGivesUpAConnectionThatIsSilent(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	way := startStuck(t, server.Addr)
	c.Address, c.KeepAlive = way.addr, 3*time.Second
	c.KnownHosts = []string{sshtest.Lines(t, lineFor(way.addr, server))}
	link, err := remote.NewLink(t.Context(), c, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = link.Close() })
	way.stick()
	_, err = link.Stat(short(t, 6*time.Second), "/")
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, way.first)
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// stuck forwards TCP connections, the first of them until it gets stuck: from then on nothing is read from it, and
// nobody is told.
type stuck struct {
	addr       string
	connected  chan struct{} // closed when the first connection is there
	first, far net.Conn
	copying    sync.WaitGroup
}

func startStuck(t *testing.T, to string) *stuck {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	s := &stuck{addr: listener.Addr().String(), connected: make(chan struct{})}
	s.copying.Add(2)
	go func() {
		for n := 0; ; n++ {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			t.Cleanup(func() { _, _ = near.Close(), far.Close() })
			if n == 0 {
				s.first, s.far = near, far
				close(s.connected)
				go func() { defer s.copying.Done(); _, _ = io.Copy(far, near) }()
				go func() { defer s.copying.Done(); _, _ = io.Copy(near, far) }()
				continue
			}
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
		}
	}()
	return s
}

// stick stops forwarding the first connection.
func (s *stuck) stick() {
	<-s.connected
	_, _ = s.first.SetReadDeadline(time.Now()), s.far.SetReadDeadline(time.Now())
	s.copying.Wait()
	_ = s.first.SetReadDeadline(time.Time{})
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

// A server that was there and is restarted is waited for.
func TestLinkWaitsForAServerThatIsRestarted(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	relay := sshtest.StartRelay(t, server.Addr)
	c.Address = relay.Addr
	c.KnownHosts = []string{sshtest.Lines(t, lineFor(relay.Addr, server))}
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
