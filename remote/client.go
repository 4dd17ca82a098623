package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/crypto/ssh"
)

// Client is one SSH connection to one instance. Its methods may be called
// concurrently, and all return when their context ends, also when the peer is
// dead.
type Client struct {
	config Config
	ssh    *ssh.Client
	// opened are the connections, the outermost first, the instance's own last.
	opened []io.Closer
	files  *files

	// life ends with the connection; its cause says why.
	life context.Context
	die  context.CancelCauseFunc
}

func newClient(config Config, connection *ssh.Client, opened []io.Closer) *Client {
	c := &Client{config: config, ssh: connection, opened: opened}
	c.life, c.die = context.WithCancelCause(context.Background())
	c.files = newFiles(c.life, connection)
	go func() {
		err := connection.Wait()
		if err == nil {
			err = io.EOF
		}
		c.end(fmt.Errorf("%w: %w", ErrLost, err))
	}()
	go c.keepAlive(config.KeepAlive)
	return c
}

// DialUnix opens a stream to a unix socket on the instance, as sshd's
// AllowStreamLocalForwarding allows by default. ctx bounds the dialing; the
// stream takes deadlines and ends with the connection.
func (c *Client) DialUnix(ctx context.Context, path string) (net.Conn, error) {
	return c.stream(ctx, "unix", path)
}

// DialTCP opens a stream to a TCP address as the instance sees it, such as
// 127.0.0.1:8080. ctx bounds the dialing; the stream takes deadlines and ends
// with the connection.
func (c *Client) DialTCP(ctx context.Context, address string) (net.Conn, error) {
	return c.stream(ctx, "tcp", address)
}

func (c *Client) stream(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := within(ctx, c.life)
	defer cancel()
	conn, err := c.ssh.DialContext(ctx, network, address)
	if err != nil {
		return nil, c.failed("dial "+network+" "+address+" on", err)
	}
	return withDeadlines(conn), nil
}

// failed names the instance, and the connection's end where that is the reason.
// A channel the server refused leaves the connection as it was.
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

// Done is closed when the connection has ended, for whatever reason.
func (c *Client) Done() <-chan struct{} { return c.life.Done() }

// Wait waits for the connection's end and says why: an [ErrLost], or
// [net.ErrClosed] after [Client.Close].
func (c *Client) Wait() error {
	<-c.life.Done()
	return context.Cause(c.life)
}

// Close ends the connection and every stream in it. Closing twice is harmless.
func (c *Client) Close() error {
	c.end(net.ErrClosed)
	return nil
}

// end ends the connection; the first reason is the one that counts.
func (c *Client) end(reason error) {
	c.die(reason)
	for _, conn := range c.opened {
		_ = conn.Close()
	}
}

// within is ctx, ended by the connection's end too. The ssh package does not
// see to that: a channel opened just as the connection ends waits for ever.
func within(ctx, life context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(life, cancel)
	return ctx, func() { stop(); cancel() }
}
