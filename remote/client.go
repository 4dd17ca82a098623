package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Client is one SSH connection to one instance. Its methods may be called concurrently, and all return when their
// context ends, even if the peer is dead.
type Client struct {
	config Config
	ssh    ssh.Conn
	// opened are the connections to close, the outermost first, the instance's own last.
	opened []io.Closer
	tcp    *net.TCPConn // the stream that carries the connection; nil with a ProxyCommand or through a jump host
	jump   *Client      // the last jump host, which others use too; nil if there is none
	files  *files
	uses   *uses

	// life ends with the connection, and its cause is the reason.
	life context.Context
	die  context.CancelCauseFunc
	// closed ends when everything that was opened is closed.
	closing sync.Once
	closed  context.Context
	done    context.CancelFunc
}

func newClient(config Config, connection *connection, w *way, jump *Client) *Client {
	c := &Client{config: config, ssh: connection, opened: w.opened, tcp: w.tcp, jump: jump, uses: &uses{}}
	c.uses.ended.Store(time.Now().UnixNano())
	c.life, c.die = context.WithCancelCause(context.Background())
	c.closed, c.done = context.WithCancel(context.Background())
	c.files = newFiles(connection)
	go func() {
		connection.serve()
		c.end(fmt.Errorf("%w: %w", ErrLost, cmp.Or(connection.Wait(), io.EOF)))
	}()
	beats := &keepAlive{client: c, interval: config.KeepAlive}
	time.AfterFunc(config.KeepAlive, beats.beat)
	return c
}

// DialUnix opens a stream to a unix socket on the instance, which sshd's AllowStreamLocalForwarding allows by default.
// ctx limits the dialing. The stream supports deadlines and ends with the connection.
func (c *Client) DialUnix(ctx context.Context, path string) (net.Conn, error) {
	return c.stream(ctx, "unix", path)
}

// DialTCP opens a stream to a TCP address as the instance sees it, such as 127.0.0.1:8080. ctx limits the dialing. The
// stream supports deadlines and ends with the connection.
func (c *Client) DialTCP(ctx context.Context, address string) (net.Conn, error) {
	return c.stream(ctx, "tcp", address)
}

func (c *Client) stream(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := c.use(ctx)
	defer cancel()
	conn, err := dialStream(ctx, c.ssh, network, address)
	if err != nil {
		return nil, c.failed("dial "+network+" "+address+" on", err)
	}
	return &usedConn{conn, sync.OnceFunc(c.uses.begin())}, nil
}

// usedConn is a stream that counts as a use of the connection until it is closed.
type usedConn struct {
	net.Conn
	end func()
}

func (u *usedConn) Close() error {
	u.end()
	return u.Conn.Close()
}

// Exchange calls talk with a stream to a TCP address as the instance sees it, and closes the stream when talk returns.
// When ctx ends, Exchange returns at once, and reads and writes of talk fail soon, at the latest when the connection
// ends. The caller must not use results of talk then.
func (c *Client) Exchange(ctx context.Context, address string, talk func(io.ReadWriter) error) error {
	ctx, cancel := c.use(ctx)
	defer cancel()
	err := awaitEnd(ctx, func() error { return exchange(ctx, c.ssh, address, talk) })
	if err != nil {
		return c.failed("ask "+address+" on", err)
	}
	return nil
}

func exchange(ctx context.Context, connection ssh.Conn, address string, talk func(io.ReadWriter) error) error {
	channel, err := dialChannel(connection, "tcp", address)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer channel.Close()
	defer context.AfterFunc(ctx, func() { _ = channel.Close() })()
	return talk(channel)
}

// failed adds the instance's name to an error, and the reason why the connection ended if that caused it. A channel
// that the server refused leaves the connection as it was.
func (c *Client) failed(doing string, err error) error {
	if _, refused := errors.AsType[*ssh.OpenChannelError](err); !refused && !errors.Is(err, ErrLost) {
		select {
		case <-c.life.Done():
			err = fmt.Errorf("%w: %w", c.Wait(), err)
		default:
			if broken(err) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("%w: %w", ErrLost, err)
			}
		}
	}
	return fmt.Errorf("%s %s: %w", doing, c.config.title(), err)
}

// Done returns a channel that is closed when the connection has ended, for whatever reason.
func (c *Client) Done() <-chan struct{} { return c.life.Done() }

// Wait waits for the connection's end and returns the reason: an [ErrLost], or [net.ErrClosed] after [Client.Close].
func (c *Client) Wait() error {
	<-c.life.Done()
	return context.Cause(c.life)
}

// Close ends the connection and every stream in it. Closing twice is harmless.
func (c *Client) Close() error {
	c.end(net.ErrClosed)
	return nil
}

// end ends the connection. Only the first reason counts. If the connection was lost, data that was written and has not
// arrived is dropped, because it may be a request that would be applied when the network is back, even after its
// opposite.
func (c *Client) end(reason error) {
	c.die(reason)
	c.closing.Do(func() {
		defer c.done()
		lost := errors.Is(context.Cause(c.life), ErrLost)
		if c.tcp != nil && lost {
			_ = c.tcp.SetLinger(0)
		}
		if c.jump != nil && lost {
			go c.jump.verify() // because what was written may still be on its way to the jump host
		}
		for _, conn := range c.opened {
			_ = conn.Close()
		}
	})
}

// whenClosed calls do once everything that was opened is closed.
func (c *Client) whenClosed(do func()) { context.AfterFunc(c.closed, do) }

// use returns a context that also ends with the connection, and counts as a use of the connection until it is
// cancelled.
func (c *Client) use(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := within(ctx, c.life)
	end := c.uses.begin()
	return ctx, func() { end(); cancel() }
}

// within returns a context that also ends with the connection. The ssh package needs that, because a channel that is
// opened just as the connection ends waits for ever.
func within(ctx, life context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(life, cancel)
	return ctx, func() { stop(); cancel() }
}
