package wire

import (
	"errors"
	"io"
	"net"
	"net/netip"
)

// Conn is the peer's side of a connection to a container. The container's stack has a row for it.
type Conn struct {
	tcpConn // the real connection
	stack   *Stack
	peer    netip.AddrPort
	row     uint64
}

// tcpConn is implemented by [net.TCPConn].
type tcpConn interface {
	net.Conn
	CloseWrite() error
	SetLinger(seconds int) error
}

// Read reads from the container. EOF is the container's FIN, after which the connection is in FIN_WAIT2 there. Any other
// error than a timeout is a reset.
func (c *Conn) Read(p []byte) (int, error) {
	k, err := c.tcpConn.Read(p)
	if err == io.EOF {
		c.stack.shut(c.row, StateFinWait2)
	} else if lost(err) {
		c.stack.remove(c.row)
	}
	return k, err
}

// Write writes to the container.
func (c *Conn) Write(p []byte) (int, error) {
	k, err := c.tcpConn.Write(p)
	if lost(err) {
		c.stack.remove(c.row)
	}
	return k, err
}

func lost(err error) bool {
	var timeout net.Error
	return err != nil && !(errors.As(err, &timeout) && timeout.Timeout())
}

// CloseWrite sends FIN. The connection is then in CLOSE_WAIT in the container until the container closes it too.
func (c *Conn) CloseWrite() error {
	c.stack.shut(c.row, StateCloseWait)
	return c.tcpConn.CloseWrite()
}

// LocalAddr returns the peer's address that the container sees, which is not the loopback address of the real connection.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer) }

// Close closes the connection and removes it from the container's table.
func (c *Conn) Close() error {
	c.stack.remove(c.row)
	return c.tcpConn.Close()
}
