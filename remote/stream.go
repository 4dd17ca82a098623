package remote

import (
	"io"
	"net"
)

// buffered is how much a stream holds in each direction, in bytes. An answer of an engine or a service fits, and the
// streams of a thousand instances take little memory.
const buffered = 4 << 10

// withDeadlines makes an ordinary connection of an SSH channel. A channel has no deadlines, and closing it leaves a
// pending Read waiting for the peer's answer, so that a dead peer would block the reader. The pipe in between has both.
func withDeadlines(channel io.ReadWriteCloser, to peer) net.Conn {
	near, far := net.Pipe()
	go func() {
		_, _ = io.CopyBuffer(far, channel, make([]byte, buffered))
		_ = far.Close()
	}()
	go func() {
		_, _ = io.CopyBuffer(channel, far, make([]byte, buffered))
		_ = channel.Close()
	}()
	return &pipeConn{near, to}
}

// pipeConn is a pipe with the address that it leads to.
type pipeConn struct {
	net.Conn
	to peer
}

func (c *pipeConn) LocalAddr() net.Addr  { return peer{c.to.network, ""} }
func (c *pipeConn) RemoteAddr() net.Addr { return c.to }

// peer is an address as an instance sees it.
type peer struct{ network, address string }

func (p peer) Network() string { return p.network }
func (p peer) String() string  { return p.address }
