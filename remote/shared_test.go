package remote_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
)

// throughJump returns a jump host, and the configuration that reaches an instance through it.
func throughJump(t *testing.T) (jump *sshtest.Server, c remote.Config) {
	t.Helper()
	_, c = start(t, sshtest.Options{})
	jump = sshtest.Start(t, sshtest.Options{Authorized: keyOf(t, c)})
	c.Jump, c.Shared = []remote.Hop{{Address: jump.Addr}}, &remote.Shared{}
	c.KnownHosts = append(c.KnownHosts, jump.KnownHosts())
	return jump, c
}

// A jump host that goes away takes every connection with it. All links find the new one.
func TestLinksShareTheNextConnectionToTheJumpHost(t *testing.T) {
	jump, c := throughJump(t)
	links := openLinks(t, 12, c)
	for round := range 3 {
		forEach(links, func(l *remote.Link) {
			_, err := l.Stat(t.Context(), "/")
			assert.NoError(t, err)
		})
		assert.Len(t, jump.Users(), round+1)
		jump.Cut()
	}
}

// The connection to the jump host ends with the last connection through it, and is made again for the next one.
func TestTheConnectionToTheJumpHostEndsWithItsLastUser(t *testing.T) {
	jump, c := throughJump(t)
	one, other := dial(t, c), dial(t, c)
	require.NoError(t, one.Close())
	_, err := other.Stat(t.Context(), "/")
	require.NoError(t, err)
	require.NoError(t, other.Close())
	require.Eventually(t, func() bool { return jump.Open() == 0 }, 30*time.Second, time.Millisecond)
	dial(t, c)
	require.Len(t, jump.Users(), 2)
}

// Everybody who waits for a jump host that does not answer waits for the same dial.
func TestAJumpHostThatFailsFailsAllAtOnce(t *testing.T) {
	jump, c := throughJump(t)
	jump.SetSilent(true)
	c.Timeout = 300 * time.Millisecond
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			_, err := remote.Dial(t.Context(), c)
			assert.ErrorContains(t, err, "jump host "+jump.Addr+": unreachable: no answer in 300ms")
		})
	}
	all.Wait()
	assert.LessOrEqual(t, jump.Open(), 10, "each dial opened a connection of its own")
}

// endpoint is an EC2 Instance Connect endpoint for a ProxyCommand: it carries a limited number of connections, and ends
// them after some time.
type endpoint struct {
	addr string
	mu   sync.Mutex
	open map[net.Conn]bool
	most int
	// refused counts the connections beyond the limit.
	refused int
}

func startEndpoint(t *testing.T, limit int, to string) *endpoint {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	e := &endpoint{addr: listener.Addr().String(), open: map[net.Conn]bool{}}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			if !e.admit(near, limit) {
				_ = near.Close()
				continue
			}
			go e.carry(near, to)
		}
	}()
	return e
}

func (e *endpoint) admit(conn net.Conn, limit int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.open) == limit {
		e.refused++
		return false
	}
	e.open[conn] = true
	e.most = max(e.most, len(e.open))
	return true
}

func (e *endpoint) carry(near net.Conn, to string) {
	far, err := net.Dial("tcp", to)
	if err == nil {
		relay(near, far)
		_ = far.Close()
	}
	_ = near.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.open, near)
}

// cut ends all connections, as the endpoint does with one that is an hour old.
func (e *endpoint) cut() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for conn := range e.open {
		_ = conn.Close()
	}
}

// relay copies both ways until either ends.
func relay(near, far net.Conn) {
	go func() { _, _ = near.(*net.TCPConn).WriteTo(far); _ = near.Close(); _ = far.Close() }()
	_, _ = far.(*net.TCPConn).WriteTo(near)
}

// A fleet of 60 is worked with through an endpoint that refuses the 21st connection and cuts all of them now and then.
func TestAFleetOfSixtyThroughAnEndpointOfTwenty(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	e := startEndpoint(t, remote.DefaultProxied, server.Addr)
	t.Setenv(proxyTarget, e.addr)
	executable, err := os.Executable()
	require.NoError(t, err)
	c.ProxyCommand, c.Shared, c.Timeout = fmt.Sprintf("exec '%s' proxy", executable), &remote.Shared{}, time.Minute
	links := openLinks(t, 60, c)
	for range 2 {
		forEach(links, func(l *remote.Link) {
			name := filepath.Join(t.TempDir(), "file")
			assert.NoError(t, os.WriteFile(name, []byte("content"), 0o600))
			content, err := l.ReadFile(t.Context(), name)
			assert.NoError(t, err)
			assert.Equal(t, "content", string(content))
		})
		e.cut()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	assert.Zero(t, e.refused, "a connection was one too many")
	assert.Equal(t, remote.DefaultProxied, e.most)
}

// A connection in use is never closed for another one, which waits until its caller gives up.
func TestAConnectionInUseIsNotClosedForAnother(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	c.MaxConnections, c.Shared = 1, &remote.Shared{}
	link := openLinks(t, 1, c)[0]
	stream, err := link.DialUnix(t.Context(), echo(t, "unix", socketPath(t)))
	require.NoError(t, err)
	_, err = remote.Dial(short(t, 200*time.Millisecond), c)
	require.ErrorContains(t, err, "all 1 connections that may be open at once are in use (MaxConnections)")
	_, err = stream.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, stream.Close())
	dial(t, c)
}

// openLinks opens links to an instance, all at once.
func openLinks(t *testing.T, n int, c remote.Config) []*remote.Link {
	t.Helper()
	links := make([]*remote.Link, n)
	var all sync.WaitGroup
	for i := range links {
		all.Go(func() {
			link, err := remote.NewLink(t.Context(), c, nil)
			if assert.NoError(t, err) {
				links[i] = link
				t.Cleanup(func() { _ = link.Close() })
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return links
}

// forEach calls do for all links at once.
func forEach(links []*remote.Link, do func(*remote.Link)) {
	var all sync.WaitGroup
	for _, link := range links {
		all.Go(func() { do(link) })
	}
	all.Wait()
}
