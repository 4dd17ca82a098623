package balancer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// deafListener accepts nothing, without a socket.
type deafListener struct {
	once   sync.Once
	closed chan struct{}
}

func (l *deafListener) Accept() (net.Conn, error) {
	<-l.closed
	return nil, net.ErrClosed
}
func (l *deafListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *deafListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// newPiped returns a load balancer without sockets, for a bubble.
func newPiped(t *testing.T, o Options) (*Balancer, Group) {
	o.Listen = func(context.Context) (net.Listener, error) {
		return &deafListener{closed: make(chan struct{})}, nil
	}
	b, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	g, err := b.AddGroup(GroupOptions{Name: "web", Port: 8080})
	require.NoError(t, err)
	return b, g
}

// piped is a service that is reached through pipes.
type piped struct {
	served       atomic.Int64
	status       atomic.Int64
	hang, refuse atomic.Bool
}

func addPiped(t *testing.T, b *Balancer, id, zone string) *piped {
	p := &piped{}
	p.status.Store(http.StatusOK)
	require.NoError(t, b.AddInstance(id, zone, p.dial))
	return p
}

func (p *piped) checks() int { return int(p.served.Load()) }

func (p *piped) dial(_ context.Context, _ int, peer netip.AddrPort) (net.Conn, error) {
	if !nodes.Contains(peer.Addr()) {
		return nil, fmt.Errorf("a check from %s", peer)
	}
	if p.refuse.Load() {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	go p.serve(far)
	return near, nil
}

func (p *piped) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	request, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil || request.URL.Path != "/healthz" {
		return
	}
	if p.hang.Load() {
		_, _ = io.Copy(io.Discard, c)
		return
	}
	p.served.Add(1)
	_, _ = fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok", p.status.Load())
}

func (b *Balancer) pickFirst(arn string) *registration {
	b.mu.Lock()
	g, _ := b.group(arn)
	b.mu.Unlock()
	return b.pick(g, anyZone)
}

// pickedOf names the instances that get connections.
func (b *Balancer) pickedOf(arn string) []string { return b.pickedAt(arn, anyZone) }

func (b *Balancer) pickedAt(arn, zone string) []string {
	b.mu.Lock()
	g, _ := b.group(arn)
	b.mu.Unlock()
	var picked []string
	for range 200 {
		if r := b.pick(g, zone); r != nil && !slices.Contains(picked, r.Instance) {
			picked = append(picked, r.Instance)
		}
	}
	slices.Sort(picked)
	return picked
}
