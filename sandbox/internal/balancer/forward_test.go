package balancer

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/porttest"
)

// machine is an instance whose service listens on loopback. Health checks and
// clients are told apart by the peer that the dialer is given.
type machine struct {
	id string
	// checked answers health checks for a service that does not speak HTTP.
	checked *piped
	peer    chan netip.AddrPort
	addr    string
}

func newLoopback(t *testing.T, o Options, g GroupOptions) (*Balancer, Group) {
	b, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	g.Name, g.Port = "web", 8080
	group, err := b.AddGroup(g)
	require.NoError(t, err)
	return b, group
}

func addMachine(t *testing.T, b *Balancer, g Group, id, zone, addr string) *machine {
	m := &machine{id: id, addr: addr, peer: make(chan netip.AddrPort, 1000)}
	require.NoError(t, b.AddInstance(id, zone, m.dial))
	require.NoError(t, b.RegisterInService(g.ARN, Endpoint{Instance: id}))
	return m
}

func (m *machine) dial(ctx context.Context, port int, peer netip.AddrPort) (net.Conn, error) {
	if m.checked != nil && nodes.Contains(peer.Addr()) {
		return m.checked.dial(ctx, port, peer)
	}
	if port != 8080 {
		return nil, fmt.Errorf("port %d", port)
	}
	select {
	case m.peer <- peer:
	default:
	}
	return new(net.Dialer).DialContext(ctx, "tcp", m.addr)
}

// nodes are the addresses that health checks come from.
var nodes = netip.MustParsePrefix("10.0.0.0/8")

// addRaw adds a machine whose service handles connections. It returns the service that the checks reach, which passes.
func addRaw(t *testing.T, b *Balancer, g Group, handle func(*net.TCPConn)) *piped {
	m := &machine{id: "i-1", addr: raw(t, handle), peer: make(chan netip.AddrPort), checked: new(piped)}
	m.checked.status.Store(http.StatusOK)
	require.NoError(t, b.AddInstance(m.id, "us-west-1a", m.dial))
	require.NoError(t, b.RegisterInService(g.ARN, Endpoint{Instance: m.id}))
	return m.checked
}

// web serves its name, and healthz for the checks.
func web(t *testing.T, name string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// raw listens and gives each connection to handle.
func raw(t *testing.T, handle func(*net.TCPConn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() {
				defer func() { _ = c.Close() }()
				handle(c.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); tasks.Wait() })
	return l.Addr().String()
}

func echo(c *net.TCPConn) { _, _ = io.Copy(c, c) }

func connect(t *testing.T, address string) *net.TCPConn {
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	return c.(*net.TCPConn)
}

func says(t *testing.T, c net.Conn, word string) {
	t.Helper()
	_, err := io.WriteString(c, word)
	require.NoError(t, err)
	back := make([]byte, len(word))
	_, err = io.ReadFull(c, back)
	require.NoError(t, err)
	require.Equal(t, word, string(back))
}

func wasReset(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// refuses checks that a new connection is reset, which the client may learn while
// it still connects.
func refuses(t *testing.T, address string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		require.ErrorIs(t, err, syscall.ECONNRESET)
		return
	}
	defer func() { _ = c.Close() }()
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	wasReset(t, c)
}

func get(t *testing.T, address string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	response, err := client.Get("http://" + address + "/")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestForwardsToEveryTarget(t *testing.T) {
	b, g := newLoopback(t, Options{Seed: 1}, GroupOptions{})
	addMachine(t, b, g, "i-1", "us-west-1a", web(t, "one"))
	addMachine(t, b, g, "i-2", "us-west-1b", web(t, "two"))
	answers := map[string]int{}
	for range 40 {
		answers[get(t, g.Address)]++
	}
	assert.Greater(t, answers["one"], 5)
	assert.Greater(t, answers["two"], 5)
	assert.Contains(t, []string{"one", "two"}, get(t, g.Nodes["us-west-1a"]))
	require.Eventually(t, func() bool {
		stats := b.Stats()
		return len(stats) == 2 && stats[0].Forwarded+stats[1].Forwarded == 41 && stats[0].Open+stats[1].Open == 0
	}, time.Minute, time.Millisecond)
	assert.Equal(t, Target{g.ARN, Endpoint{"i-1", 8080}}, b.Stats()[0].Target)
}

func TestChecksAndClientsAreSeenAsThemselves(t *testing.T) {
	b, g := newLoopback(t, Options{Factor: 200}, GroupOptions{})
	m := addMachine(t, b, g, "i-1", "us-west-1a", web(t, "one"))
	peers := map[netip.Addr]bool{}
	for len(peers) < 2 {
		peer := <-m.peer
		require.True(t, nodes.Contains(peer.Addr()), "%s checks", peer)
		peers[peer.Addr()] = true
	}
	c := connect(t, g.Address)
	// From outside: a loopback peer is no client to whoever counts.
	client := netip.AddrPortFrom(outside, c.LocalAddr().(*net.TCPAddr).AddrPort().Port())
	for peer := range m.peer {
		if !nodes.Contains(peer.Addr()) {
			assert.Equal(t, client, peer)
			break
		}
	}
	require.NoError(t, b.SetAttributes(g.ARN, map[string]string{AttrPreserveClientIP: "false"}))
	get(t, g.Address)
	for len(m.peer) > 0 {
		assert.True(t, nodes.Contains((<-m.peer).Addr()))
	}
}

func TestHalfCloseIsKept(t *testing.T) {
	b, g := newLoopback(t, Options{}, GroupOptions{})
	addRaw(t, b, g, func(c *net.TCPConn) {
		all, _ := io.ReadAll(c) // until the client has finished
		_, _ = fmt.Fprintf(c, "%d bytes", len(all))
	})
	c := connect(t, g.Address)
	_, err := c.Write(make([]byte, 300_000))
	require.NoError(t, err)
	require.NoError(t, c.CloseWrite())
	answer, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Equal(t, "300000 bytes", string(answer))
}

func TestRefusalsReachTheClient(t *testing.T) {
	b, g := newLoopback(t, Options{}, GroupOptions{})
	refuses(t, g.Address) // no target

	addMachine(t, b, g, "i-1", "us-west-1a", porttest.Refused)
	refuses(t, g.Address) // the target refuses
	require.Eventually(t, func() bool {
		stats := b.Stats()
		return len(stats) == 1 && stats[0].Stats == Stats{Refused: 1}
	}, time.Minute, time.Millisecond)
}

func TestResetOfTheTargetReachesTheClient(t *testing.T) {
	b, g := newLoopback(t, Options{}, GroupOptions{})
	addRaw(t, b, g, func(c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 1))
		_ = c.SetLinger(0)
	})
	c := connect(t, g.Address)
	_, err := c.Write([]byte("x"))
	require.NoError(t, err)
	wasReset(t, c)
}

func TestFlowOutlivesItsDrainingTarget(t *testing.T) {
	b, g := newLoopback(t, Options{Factor: 1000}, GroupOptions{})
	addRaw(t, b, g, echo)
	c := connect(t, g.Address)
	says(t, c, "hello")
	require.NoError(t, b.Deregister(g.ARN, Endpoint{Instance: "i-1"}))
	says(t, c, "draining")
	gone(t, b, g)
	says(t, c, "unused, and still not cut")
	refuses(t, g.Address)
}

func TestTerminationAtTheEndOfTheDelay(t *testing.T) {
	b, g := newLoopback(t, Options{Factor: 60}, GroupOptions{Attributes: map[string]string{AttrTerminate: "true"}})
	addRaw(t, b, g, echo)
	c := connect(t, g.Address)
	says(t, c, "hello")
	require.NoError(t, b.Deregister(g.ARN, Endpoint{Instance: "i-1"}))
	says(t, c, "draining")
	wasReset(t, c)
	gone(t, b, g)
	assert.Equal(t, uint64(1), b.Stats()[0].Cut)
}

// gone waits until neither the API nor the data plane knows a target.
func gone(t *testing.T, b *Balancer, g Group) {
	require.Eventually(t, func() bool {
		health, err := b.Health(g.ARN)
		return err == nil && len(health) == 0 && b.pickFirst(g.ARN) == nil
	}, time.Minute, time.Millisecond)
}

func TestUnhealthyTargetsFlowsAreReset(t *testing.T) {
	for value, reset := range map[string]bool{"true": true, "false": false} {
		t.Run(value, func(t *testing.T) {
			b, g := newLoopback(t, Options{Factor: 500}, GroupOptions{Attributes: map[string]string{AttrUnhealthyTerminate: value}})
			checked := addRaw(t, b, g, echo)
			c := connect(t, g.Address)
			says(t, c, "hello")
			checked.status.Store(http.StatusInternalServerError)
			if reset {
				wasReset(t, c)
				return
			}
			require.Eventually(t, func() bool {
				health, err := b.Health(g.ARN)
				return err == nil && health[0].State == Unhealthy
			}, time.Minute, time.Millisecond)
			says(t, c, "still here")
			says(t, connect(t, g.Address), "fail-open")
		})
	}
}

func TestNodeWithoutTargetRefuses(t *testing.T) {
	b, g := newLoopback(t, Options{CrossZoneOff: true, Zones: []string{"a", "b"}}, GroupOptions{})
	addMachine(t, b, g, "i-1", "a", web(t, "one"))
	assert.Equal(t, "one", get(t, g.Nodes["a"]))
	assert.Equal(t, "one", get(t, g.Address))
	refuses(t, g.Nodes["b"])
}

func TestCloseCutsFlowsAndFreesAddresses(t *testing.T) {
	var opened []net.Listener
	b, g := newLoopback(t, Options{Listen: func(ctx context.Context) (net.Listener, error) {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		opened = append(opened, l)
		return l, err
	}}, GroupOptions{})
	addRaw(t, b, g, echo)
	c := connect(t, g.Address)
	says(t, c, "hello")
	require.NoError(t, b.Close())
	wasReset(t, c)
	require.Len(t, opened, 3, "the load balancer's address and a node's in each of two zones")
	for _, l := range opened {
		_, err := l.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
	}
	require.NoError(t, b.Close(), "twice")
}

// BenchmarkConnections measures one connection with one request through the load
// balancer, both ends included.
func BenchmarkConnections(b *testing.B) {
	lb, err := New(Options{})
	require.NoError(b, err)
	defer func() { require.NoError(b, lb.Close()) }()
	g, err := lb.AddGroup(GroupOptions{Name: "web", Port: 8080})
	require.NoError(b, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer server.Close()
	m := &machine{addr: server.Listener.Addr().String()}
	require.NoError(b, lb.AddInstance("i-1", "us-west-1a", m.dial))
	require.NoError(b, lb.RegisterInService(g.ARN, Endpoint{Instance: "i-1"}))
	for b.Loop() {
		c, err := net.Dial("tcp", g.Address)
		require.NoError(b, err)
		_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, c)
		require.NoError(b, err)
		_ = c.Close()
	}
}
