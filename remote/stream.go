package remote

import (
	"io"
	"net"
)

// withDeadlines makes an ordinary connection of an SSH channel. A channel has
// no deadlines, and closing it leaves a pending Read waiting for the peer's
// answer: a dead peer would hold its reader. A pipe in between has both.
func withDeadlines(channel net.Conn) net.Conn {
	near, far := net.Pipe()
	go func() {
		_, _ = io.Copy(far, channel)
		_ = far.Close()
	}()
	go func() {
		_, _ = io.Copy(channel, far)
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
