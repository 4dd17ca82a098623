package wire

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Conn is the peer's side of a connection to a container. The container's stack has a row for it.
type Conn struct {
	net.Conn // the real connection, always TCP
	network  *Network
	stack    *Stack
	peer     netip.AddrPort
	row      uint64
	once     sync.Once
}

var errNotTCP = errors.New("the connection is not TCP")

// Read reads from the container. EOF is the container's FIN, after which the connection is in FIN_WAIT2 there. Any other
// error than a timeout is a reset.
func (c *Conn) Read(p []byte) (int, error) {
	k, err := c.Conn.Read(p)
	if err == io.EOF {
		c.stack.shut(c.row, StateFinWait2)
	} else if lost(err) {
		c.stack.remove(c.row)
	}
	return k, err
}

// Write writes to the container.
func (c *Conn) Write(p []byte) (int, error) {
	k, err := c.Conn.Write(p)
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
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errNotTCP
	}
	c.stack.shut(c.row, StateCloseWait)
	return half.CloseWrite()
}

// SetLinger sets the linger time of [net.TCPConn]. Zero makes Close a reset.
func (c *Conn) SetLinger(seconds int) error {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return errNotTCP
	}
	return tcp.SetLinger(seconds)
}

// LocalAddr returns the peer's address that the container sees, which is not the loopback address of the real connection.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer) }

// Close closes the connection and removes it from the container's table.
func (c *Conn) Close() error {
	c.once.Do(func() {
		c.stack.remove(c.row)
		c.network.forget(c)
	})
	return c.Conn.Close()
}

func (c *Conn) reset() {
	// An error is ignored, because the connection is closed anyway.
	_ = c.SetLinger(0)
	_ = c.Close()
}
