package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Link is a way to one instance that outlives its connections. The first call after a connection was lost dials a new
// one, by the same rules, and repeats that for ten seconds while nothing answers. A call that was under way when the
// connection was lost fails, so that its caller has to find out what it has done.
type Link struct {
	config Config
	check  func(context.Context, *Client) error

	mu     sync.Mutex
	client *Client
	closed bool
}

// NewLink dials an instance. check is called with every new connection before it is used, for example to find out
// whether it leads to the same machine. It may be nil.
func NewLink(ctx context.Context, c Config, check func(context.Context, *Client) error) (*Link, error) {
	l := &Link{config: c, check: check}
	_, end, err := l.live(ctx)
	if err != nil {
		return nil, err
	}
	end()
	return l, nil
}

// live returns the connection, and dials a new one if the last was lost. The caller calls end when it does not use the
// connection any more.
func (l *Link) live(ctx context.Context) (client *Client, end func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if l.closed {
			return nil, nil, fmt.Errorf("dial %s: %w", l.config.title(), net.ErrClosed)
		}
		if l.client != nil && l.client.life.Err() == nil {
			if end, ok := l.client.uses.pin(); ok {
				return l.client, end, nil
			}
		}
		if err := l.replace(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// replace dials and checks a new connection.
func (l *Link) replace(ctx context.Context) error {
	client, err := l.dial(ctx)
	if err != nil {
		return err
	}
	defer client.uses.begin()()
	if l.check != nil {
		if err := l.check(ctx, client); err != nil {
			return errors.Join(err, client.Close())
		}
	}
	l.client = client
	return nil
}

// A server that was there may be back in a moment, because it is restarted or a network fails for a short time.
// reconnectLimit is how long dialing goes on, reconnectPause the time between two attempts.
const (
	reconnectLimit = 10 * time.Second
	reconnectPause = 250 * time.Millisecond
)

// dial dials. If there was a connection before, it repeats that until reconnectLimit.
func (l *Link) dial(ctx context.Context) (*Client, error) {
	if l.client == nil {
		return Dial(ctx, l.config)
	}
	for last := time.Now().Add(reconnectLimit); ; {
		client, err := Dial(ctx, l.config)
		if err == nil || !errors.Is(err, ErrUnreachable) || time.Now().After(last) {
			return client, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(reconnectPause):
		}
	}
}

// over makes a call that changes nothing over the live connection, and once more over a new one if the first turns out
// to be lost.
func over[T any](ctx context.Context, l *Link, call func(*Client) (T, error)) (T, error) {
	for again := false; ; again = true {
		client, end, err := l.live(ctx)
		if err != nil {
			var none T
			return none, err
		}
		settled := client.watch()
		value, err := call(client)
		settled()
		end()
		if err == nil || again || ctx.Err() != nil || answered(err) || client.answers(ctx) {
			return value, err
		}
		client.end(ErrLost) // the client may not have noticed yet
	}
}

// answered reports whether an error is the server's answer, so that the connection works.
func answered(err error) bool {
	_, refused := errors.AsType[*ssh.OpenChannelError](err)
	return refused || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}

// answers checks whether the server still answers, because the ssh package has no error of its own for a connection
// that ended during a call.
func (c *Client) answers(ctx context.Context) bool {
	asked, cancel := within(ctx, c.life)
	defer cancel()
	err := awaitEnd(asked, c.ask)
	return err == nil || (ctx.Err() != nil && c.life.Err() == nil) // otherwise nothing shows that it is gone
}

// DialUnix is [Client.DialUnix].
func (l *Link) DialUnix(ctx context.Context, path string) (net.Conn, error) {
	return over(ctx, l, func(c *Client) (net.Conn, error) { return c.DialUnix(ctx, path) })
}

// Exchange is [Client.Exchange]. talk may be called a second time, with a stream in a new connection.
func (l *Link) Exchange(ctx context.Context, address string, talk func(io.ReadWriter) error) error {
	_, err := over(ctx, l, func(c *Client) (struct{}, error) { return struct{}{}, c.Exchange(ctx, address, talk) })
	return err
}

// ReadFile is [Client.ReadFile].
func (l *Link) ReadFile(ctx context.Context, name string) ([]byte, error) {
	return over(ctx, l, func(c *Client) ([]byte, error) { return c.ReadFile(ctx, name) })
}

// Stat is [Client.Stat].
func (l *Link) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	return over(ctx, l, func(c *Client) (fs.FileInfo, error) { return c.Stat(ctx, name) })
}

// FreeDisk is [Client.FreeDisk].
func (l *Link) FreeDisk(ctx context.Context, name string) (uint64, error) {
	return over(ctx, l, func(c *Client) (uint64, error) { return c.FreeDisk(ctx, name) })
}

// Close ends the connection. Nothing dials again. Closing twice is harmless.
func (l *Link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.client == nil {
		return nil
	}
	return l.client.Close()
}
