package balancer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	// dialTimeout bounds the connection to a target that does not answer.
	dialTimeout = 3 * time.Second
	// acceptPause keeps a full file table from turning into a busy loop.
	acceptPause = 5 * time.Millisecond
)

// node is the load balancer's listener for one group in one zone.
type node struct {
	balancer *Balancer
	group    *group
	zone     string // [anyZone] for the address that is not a zone's
}

// serve accepts connections until the listener is closed.
func (n node) serve(l net.Listener) {
	b := n.balancer
	for {
		client, err := l.Accept()
		switch {
		case err == nil:
			b.tasks.Go(func() { n.forward(client) })
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

// forward connects a client to a target and copies until the connection ends.
func (n node) forward(client net.Conn) {
	b := n.balancer
	r := b.pick(n.group, n.zone)
	if r == nil {
		reset(client)
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, dialTimeout)
	defer cancel()
	server, err := r.instance.dial(ctx, r.Port, n.peer(client))
	if err != nil {
		reset(client)
		b.flows.refused(r.Target)
		return
	}
	f := &flow{target: r, client: client, server: server}
	if !b.flows.add(f) {
		f.abort()
		return
	}
	defer b.flows.remove(f)
	f.splice()
}

// outside is the address that targets see for clients on this machine, because no client reaches a load balancer from
// the loopback address of a target. It is from RFC 5737's TEST-NET-2.
var outside = netip.AddrFrom4([4]byte{198, 51, 100, 1})

// peer returns the address that the target sees: the client's, or a node's if the group does not preserve it.
func (n node) peer(client net.Conn) netip.AddrPort {
	b := n.balancer
	b.mu.Lock()
	preserved := n.group.attrs.on(AttrPreserveClientIP)
	b.mu.Unlock()
	address, err := netip.ParseAddrPort(client.RemoteAddr().String())
	if preserved && err == nil && address.Addr().Unmap().IsLoopback() {
		return netip.AddrPortFrom(outside, address.Port())
	}
	if preserved && err == nil {
		return address
	}
	return b.nodePeer(max(0, slices.Index(b.opts.Zones, n.zone)))
}
