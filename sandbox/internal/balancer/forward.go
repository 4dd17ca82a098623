package balancer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// dialTimeout bounds the connection to a target that does not answer.
	dialTimeout = 3 * time.Second
	// acceptPause keeps a full file table from turning into a busy loop.
	acceptPause = 5 * time.Millisecond
)

// Stats count what one target got. They outlive its registration.
type Stats struct {
	// Forwarded counts the connections that reached the target.
	Forwarded uint64
	// Refused counts the connections reset because the target refused them.
	Refused uint64
	// Cut counts the flows reset because the target was unhealthy or unused.
	Cut uint64
	// Open is the number of flows at this moment.
	Open int
}

// TargetStats are the counts of one target.
type TargetStats struct {
	Target
	Stats
}

// Stats returns the counts of every target that ever got a connection, in order.
func (b *Balancer) Stats() []TargetStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]TargetStats, 0, len(b.stats))
	for target, stats := range b.stats {
		all = append(all, TargetStats{target, stats})
	}
	slices.SortFunc(all, func(x, y TargetStats) int {
		return cmpTarget(x.Target, y.Target)
	})
	return all
}

func cmpTarget(x, y Target) int {
	if c := strings.Compare(x.Group, y.Group); c != 0 {
		return c
	}
	if c := strings.Compare(x.Instance, y.Instance); c != 0 {
		return c
	}
	return x.Port - y.Port
}

// serve accepts a node's connections until the listener is closed.
func (b *Balancer) serve(l net.Listener, g *group, zone string) {
	for {
		client, err := l.Accept()
		switch {
		case err == nil:
			b.tasks.Go(func() { b.forward(client, g, zone) })
		case b.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default:
			pause(b.ctx, acceptPause)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// forward carries one connection from accept to its end.
func (b *Balancer) forward(client net.Conn, g *group, zone string) {
	r := b.pick(g, zone)
	if r == nil {
		reset(client)
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, dialTimeout)
	defer cancel()
	server, err := r.instance.dial(ctx, r.Port, b.peer(client, g, zone))
	if err != nil {
		reset(client)
		b.count(r.Target, func(s *Stats) { s.Refused++ })
		return
	}
	f := &flow{target: r, client: client, server: server}
	if !b.open(f) {
		f.abort()
		return
	}
	defer b.done(f)
	f.splice()
}

// outside is where clients on this machine seem to be: nobody reaches a load
// balancer from a target's own loopback (RFC 5737's TEST-NET-2).
var outside = netip.AddrFrom4([4]byte{198, 51, 100, 1})

// peer is who the target sees: the client, or a node where that is switched off.
func (b *Balancer) peer(client net.Conn, g *group, zone string) netip.AddrPort {
	b.mu.Lock()
	preserved := g.attrs.on(AttrPreserveClientIP)
	b.mu.Unlock()
	address, err := netip.ParseAddrPort(client.RemoteAddr().String())
	if preserved && err == nil && address.Addr().Unmap().IsLoopback() {
		return netip.AddrPortFrom(outside, address.Port())
	}
	if preserved && err == nil {
		return address
	}
	return b.nodePeer(max(0, slices.Index(b.opts.Zones, zone)))
}

func (b *Balancer) count(t Target, change func(*Stats)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.countLocked(t, change)
}

func (b *Balancer) countLocked(t Target, change func(*Stats)) {
	s := b.stats[t]
	change(&s)
	b.stats[t] = s
}

// open admits a flow, unless the load balancer was closed meanwhile.
func (b *Balancer) open(f *flow) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return false
	}
	b.flows[f] = struct{}{}
	b.countLocked(f.target.Target, func(s *Stats) { s.Forwarded++; s.Open++ })
	return true
}

func (b *Balancer) done(f *flow) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.flows, f)
	b.countLocked(f.target.Target, func(s *Stats) { s.Open-- })
}

// cut resets all flows of a target. The caller holds the lock.
func (b *Balancer) cut(r *registration) {
	for f := range b.flows {
		if f.target == r {
			f.abort()
			b.countLocked(r.Target, func(s *Stats) { s.Cut++ })
		}
	}
}

// flow is one connection pinned to its target.
type flow struct {
	target         *registration
	client, server net.Conn
}

// splice copies both ways until both ends have finished. The end of one
// direction is passed on as a half-close, an error as a reset.
func (f *flow) splice() {
	back := make(chan struct{})
	go func() {
		defer close(back)
		f.copy(f.client, f.server)
	}()
	f.copy(f.server, f.client)
	<-back
	_ = f.client.Close()
	_ = f.server.Close()
}

func (f *flow) copy(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil || closeWrite(to) != nil {
		f.abort()
	}
}

// abort resets both ends; copying ends with it. It may be called at any time.
func (f *flow) abort() {
	reset(f.client)
	reset(f.server)
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// reset closes a connection so that the other end sees RST, not an orderly end.
func reset(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
