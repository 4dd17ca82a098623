package wire

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// Gateway is the address of docker0 on an instance. A container sees it as the peer of a connection from the instance
// itself.
var Gateway = netip.AddrFrom4([4]byte{172, 17, 0, 1})

// FirstContainer is the address of the first container on an instance.
var FirstContainer = netip.AddrFrom4([4]byte{172, 17, 0, 2})

// Endpoint is the real address of a published port.
type Endpoint struct {
	// Addr is the loopback address, host:port, at which the program listens.
	Addr string
	// Port is the container's port.
	Port int
	// Stack is the network namespace of the container.
	Stack *Stack
}

// Network is one instance's network. Its methods may be called concurrently.
type Network struct {
	mu    sync.Mutex
	ports map[int]Endpoint
}

// New returns the network of an instance without published ports.
func New() *Network {
	return &Network{ports: map[int]Endpoint{}}
}

// Publish serves the instance's port at addr, in a new namespace at [FirstContainer] that listens on the same port.
func (n *Network) Publish(port int, addr string) *Stack {
	stack := NewStack(FirstContainer)
	n.PublishEndpoint(port, Endpoint{Addr: addr, Port: port, Stack: stack})
	return stack
}

// PublishEndpoint serves the instance's port at the endpoint, instead of the one that served it before.
func (n *Network) PublishEndpoint(port int, e Endpoint) {
	e.Stack.listen(e.Port)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ports[port] = e
}

// Unpublish stops serving the port. Open connections stay open until the program at their other end closes them.
func (n *Network) Unpublish(port int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.ports, port)
}

// Table returns the connections in the namespace of the container that serves the port, or the zero Snapshot if none
// does.
func (n *Network) Table(port int) Snapshot {
	n.mu.Lock()
	e, ok := n.ports[port]
	n.mu.Unlock()
	if !ok {
		return Snapshot{}
	}
	return e.Stack.Snapshot()
}

// Dial connects to the instance's port. The container sees peer as the other end. The error is ECONNREFUSED if nothing is
// published or the program does not listen.
func (n *Network) Dial(ctx context.Context, port int, peer netip.AddrPort) (net.Conn, error) {
	n.mu.Lock()
	e, ok := n.ports[port]
	n.mu.Unlock()
	if !ok {
		return nil, refused(port)
	}
	return connect(ctx, e, peer)
}

// DialHost connects to host:port as a process on the instance would. A loopback name or address leads to the instance's
// own ports, and a container's address to the container's. The container sees [Gateway] as the peer. For any other host
// the error is EHOSTUNREACH.
func (n *Network) DialHost(ctx context.Context, host string, port int, origin uint16) (net.Conn, error) {
	peer := netip.AddrPortFrom(Gateway, origin)
	addr, err := netip.ParseAddr(host)
	if host == "localhost" || (err == nil && (addr.Unmap().IsLoopback() || addr == Gateway)) {
		return n.Dial(ctx, port, peer)
	}
	if err != nil || !inBridge(addr) {
		return nil, dialError(port, os.NewSyscallError("connect", syscall.EHOSTUNREACH))
	}
	e, ok := n.container(addr, port)
	if !ok {
		return nil, refused(port)
	}
	return connect(ctx, e, peer)
}

func inBridge(addr netip.Addr) bool {
	return netip.PrefixFrom(Gateway, 16).Masked().Contains(addr)
}

func (n *Network) container(addr netip.Addr, port int) (Endpoint, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.ports {
		if e.Stack.addr == addr && e.Port == port {
			return e, true
		}
	}
	return Endpoint{}, false
}

func connect(ctx context.Context, e Endpoint, peer netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", e.Addr)
	if err != nil {
		return nil, err
	}
	return &Conn{tcpConn: raw.(*net.TCPConn), stack: e.Stack, peer: peer, row: e.Stack.accept(e.Port, peer)}, nil
}

func refused(port int) error {
	return dialError(port, os.NewSyscallError("connect", syscall.ECONNREFUSED))
}

func dialError(port int, err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: instancePort(port), Err: err}
}

// instancePort is the address of an instance's port in an error.
type instancePort int

func (instancePort) Network() string  { return "tcp" }
func (p instancePort) String() string { return "instance:" + strconv.Itoa(int(p)) }
