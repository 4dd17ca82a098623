package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// Dial connects to an instance and logs in. Its errors are one line and wrap one of the package's sentinels. Both ctx
// and Config.Timeout limit it.
func Dial(ctx context.Context, c Config) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("dial %s: %w: %s", c.title(), ErrConfig, oneLine(err))
	}
	client, err := dial(ctx, c.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", c.title(), err)
	}
	return client, nil
}

// Check returns an error that would make every dial fail, whatever the instance: a key or a known_hosts file that
// cannot be used. Its remarks name the lines of known_hosts that are skipped. It connects to nothing, and calls only
// Passphrase, if the key is encrypted.
func (c Config) Check() (remarks []string, err error) {
	hosts, err := newHostKeys(c.KnownHosts)
	if err != nil {
		return nil, err
	}
	_, err = newLogin(c.withDefaults())
	return hosts.remarks, err
}

func dial(ctx context.Context, c Config) (*Client, error) {
	hosts, err := newHostKeys(c.KnownHosts)
	if err != nil {
		return nil, err
	}
	keys, err := newLogin(c)
	if err != nil {
		return nil, err
	}
	d := &dialer{config: c, hosts: hosts, keys: keys}
	if c.MaxConnections == 0 {
		return d.instance(ctx)
	}
	free, err := c.Shared.takePlace(ctx, c.MaxConnections)
	if err != nil {
		return nil, err
	}
	client, err := d.instance(ctx)
	if err != nil {
		free()
		return nil, err
	}
	c.Shared.occupy(client, free)
	return client, nil
}

// dialer makes the connections of one configuration.
type dialer struct {
	config Config
	hosts  *hostKeys
	keys   *login
}

// instance connects to the instance, and to the jump hosts if nobody has done that yet.
func (d *dialer) instance(ctx context.Context) (*Client, error) {
	if len(d.config.Jump) == 0 {
		return d.through(ctx, nil)
	}
	leave := d.config.Shared.enter()
	for again := false; ; again = true {
		jump, err := d.config.Shared.jump(ctx, d.jumpHosts)
		if err != nil {
			leave()
			return nil, err
		}
		client, err := d.through(ctx, jump)
		switch {
		case err == nil:
			client.whenClosed(leave)
			return client, nil
		case again || ctx.Err() != nil || jump.life.Err() == nil:
			leave()
			return nil, err
		}
	}
}

// through connects to the instance through the last jump host, or directly if jump is nil.
func (d *dialer) through(ctx context.Context, jump *Client) (*Client, error) {
	if jump != nil || d.config.ProxyCommand != "" {
		end, err := d.config.Shared.begin(ctx)
		if err != nil {
			return nil, err
		}
		defer end()
	}
	return d.bounded(ctx, func(ctx context.Context, keys *login) (*Client, error) {
		w := &way{dialer: d, login: keys}
		if jump != nil {
			w.carrier, w.from = jump.ssh, jump.config.Address
			defer jump.watch()()
		}
		last, err := w.hop(ctx, Hop{Address: d.config.Address})
		if err != nil {
			return nil, err
		}
		return newClient(d.config, last, w, jump), nil
	})
}

// jumpHosts connects to the last jump host, through all others.
func (d *dialer) jumpHosts(ctx context.Context) (*Client, error) {
	var current string
	client, err := d.bounded(ctx, func(ctx context.Context, keys *login) (*Client, error) {
		w := &way{dialer: d, login: keys}
		var last *connection
		for _, hop := range d.config.Jump {
			if last != nil {
				go last.serve()
			}
			current = hop.Address
			var err error
			if last, err = w.hop(ctx, hop); err != nil {
				w.close()
				return nil, err
			}
		}
		config := d.config
		config.Name, config.Address = "the jump host", current
		return newClient(config, last, w, nil), nil
	})
	if err != nil {
		return nil, fmt.Errorf("jump host %s: %w", current, err)
	}
	return client, nil
}

// bounded calls work within Config.Timeout, with all keys. The timeout starts after the key file is loaded, because a
// person may have to type its passphrase.
func (d *dialer) bounded(ctx context.Context, work func(context.Context, *login) (*Client, error)) (*Client, error) {
	bounded, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	keys, err := d.keys.withAgent(bounded, d.config.AgentSocket)
	if err != nil {
		return nil, err
	}
	defer keys.Close()
	client, err := work(bounded, keys)
	if err != nil {
		return nil, bounding(bounded, ctx, d.config, err)
	}
	return client, nil
}

// bounding returns why the context ended, instead of the error that closing the stream caused.
func bounding(bounded, ctx context.Context, c Config, err error) error {
	switch {
	case bounded.Err() == nil || !errors.Is(err, ErrUnreachable):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Cause(ctx)
	default:
		return &silenceError{c.Timeout}
	}
}

// way is a chain of connections, each through the one before.
type way struct {
	*dialer
	login   *login
	carrier ssh.Conn // the connection to the host before; nil before the first one
	from    string   // that host's address
	// opened are the connections to close when the last one ends. The outermost is closed first, because a stream
	// inside a dead one would wait for its peer's answer.
	opened []io.Closer
	tcp    *net.TCPConn // what carries them; nil with a ProxyCommand
}

// hop connects to the next host. A server that closes the connection before authentication may have too many logins
// under way, so that hop tries again.
func (w *way) hop(ctx context.Context, next Hop) (*connection, error) {
	user := cmp.Or(next.User, w.config.User)
	a, err := parseAddress(next.Address)
	if err != nil {
		return nil, err
	}
	c, err := persist(ctx, func() (*connection, error) {
		conn, err := w.connect(ctx, user, a)
		if err != nil {
			return nil, err
		}
		return w.handshake(ctx, newGreeted(conn), user, a)
	})
	if err != nil {
		return nil, err
	}
	w.carrier, w.from, w.opened = c, a.String(), append(w.opened, c)
	return c, nil
}

// connect opens the stream that carries the SSH connection.
func (w *way) connect(ctx context.Context, user string, a address) (net.Conn, error) {
	switch {
	case w.carrier != nil:
		conn, err := dialStream(ctx, w.carrier, "tcp", a.String())
		if errors.Is(err, ErrForwarding) {
			return nil, fmt.Errorf("%w: the jump host %s forbids connections to %s: %w", ErrUnreachable, w.from, a, err)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: the jump host %s cannot reach %s: %w", ErrUnreachable, w.from, a, err)
		}
		return conn, nil
	case w.config.ProxyCommand != "":
		conn, err := proxyCommand(w.config.ProxyCommand, user, w.config.Name, a)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return conn, nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", a.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w: %s", ErrUnreachable, err, checkTheWay)
	}
	w.tcp, _ = conn.(*net.TCPConn)
	return conn, nil
}

func (w *way) close() {
	for _, c := range w.opened {
		_ = c.Close()
	}
}

// handshake logs in over conn. It closes conn when ctx ends, because the ssh package's own timeout covers only the TCP
// connect, and because that works for every kind of stream.
func (w *way) handshake(ctx context.Context, conn *greeted, user string, a address) (*connection, error) {
	var trusted atomic.Bool
	config := &ssh.ClientConfig{
		Config:            modern(),
		User:              user,
		Auth:              w.login.methods(),
		HostKeyAlgorithms: w.hosts.algorithms(a),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			err := w.hosts.check(a, key)
			trusted.Store(err == nil)
			return err
		},
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, a.String(), config)
	if !stop() && err == nil {
		_ = c.Close()
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, w.classify(conn, err, trusted.Load(), user)
	}
	return &connection{c, channels, requests, a}, nil
}

// modern returns the algorithms without those that use SHA-1.
func modern() ssh.Config {
	all := ssh.SupportedAlgorithms()
	return ssh.Config{
		KeyExchanges: all.KeyExchanges, Ciphers: all.Ciphers,
		MACs: slices.DeleteFunc(all.MACs, func(name string) bool { return name == ssh.HMACSHA1 }),
	}
}

// classify finds out in which stage a handshake failed. The ssh package's errors for a refused login have no type, so
// that the stage decides: the host key was accepted and the stream did not break.
func (w *way) classify(conn *greeted, err error, trusted bool, user string) error {
	if refused, ok := errors.AsType[*HostKeyError](err); ok {
		return refused
	}
	if apart, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); ok {
		return fmt.Errorf("%w: the server supports only old algorithms (%s): allow a newer one in its sshd_config, or upgrade it: %w",
			ErrUnreachable, strings.Join(apart.RequestedAlgorithms, ", "), err)
	}
	command, proxied := conn.Conn.(*commandConn)
	said := conn.greeting()
	if proxied {
		said = cmp.Or(command.lastWords(), said)
	}
	switch {
	case trusted && !broken(err):
		return w.login.refusal(user, err)
	case broken(err) && !trusted:
		return &closedEarlyError{err: err, said: said, proxied: proxied}
	case said != "":
		err = fmt.Errorf("%w: the other end wrote %q", err, said)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// broken reports whether the error is the end of the stream.
func broken(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
