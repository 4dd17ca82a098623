package wire

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Conn is a tracked connection to a container, seen from its peer.
type Conn struct {
	net.Conn // the real connection, always TCP
	network  *Network
	stack    *Stack
	peer     netip.AddrPort
	row      uint64
	once     sync.Once
}

var errNotTCP = errors.New("the connection is not TCP")

// Read reads from the container. Its EOF is the container's FIN: from then on
// the connection is in FIN_WAIT2 there. Any other end but a timeout is a reset.
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

// CloseWrite sends FIN: the connection is in CLOSE_WAIT in the container until
// the container closes as well.
func (c *Conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errNotTCP
	}
	c.stack.shut(c.row, StateCloseWait)
	return half.CloseWrite()
}

// SetLinger is that of [net.TCPConn]: zero makes Close a reset.
func (c *Conn) SetLinger(seconds int) error {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return errNotTCP
	}
	return tcp.SetLinger(seconds)
}

// LocalAddr is the peer's address as the container sees it, not the loopback
// address of the real connection.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer) }

// Close closes the connection; the container's table forgets it.
func (c *Conn) Close() error {
	c.once.Do(func() {
		c.stack.remove(c.row)
		c.network.forget(c)
	})
	return c.Conn.Close()
}

func (c *Conn) reset() {
	// Best effort: a connection that cannot linger is closed all the same.
	_ = c.SetLinger(0)
	_ = c.Close()
}
