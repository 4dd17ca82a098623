package remote

import (
	"io"
	"net"
)

// buffered is what a stream holds in each direction: an engine's or a service's
// answer fits, and a thousand instances' streams take little memory.
const buffered = 4 << 10

// withDeadlines makes an ordinary connection of an SSH channel. A channel has
// no deadlines, and closing it leaves a pending Read waiting for the peer's
// answer: a dead peer would hold its reader. A pipe in between has both.
func withDeadlines(channel net.Conn) net.Conn {
	near, far := net.Pipe()
	go func() {
		_, _ = io.CopyBuffer(far, channel, make([]byte, buffered))
		_ = far.Close()
	}()
	go func() {
		_, _ = io.CopyBuffer(channel, far, make([]byte, buffered))
		_ = channel.Close()
	}()
	return &pipeConn{near, channel}
}

// pipeConn answers with the channel's addresses.
type pipeConn struct {
	net.Conn
	channel net.Conn
}

func (c *pipeConn) LocalAddr() net.Addr  { return c.channel.LocalAddr() }
func (c *pipeConn) RemoteAddr() net.Addr { return c.channel.RemoteAddr() }
