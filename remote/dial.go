package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
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
// cannot be used. It connects to nothing, and calls only Passphrase, if the key is encrypted.
func (c Config) Check() error {
	if _, err := newHostKeys(c.KnownHosts); err != nil {
		return err
	}
	login, err := newLogin(c.withDefaults())
	if err != nil {
		return err
	}
	login.Close()
	return nil
}

func dial(ctx context.Context, c Config) (*Client, error) {
	hosts, err := newHostKeys(c.KnownHosts)
	if err != nil {
		return nil, err
	}
	login, err := newLogin(c)
	if err != nil {
		return nil, err
	}
	defer login.Close()
	// The timeout starts after the key is loaded, because a person may have to type its passphrase.
	bounded, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if err := login.addAgent(bounded, c.AgentSocket); err != nil {
		return nil, err
	}
	d := &dialer{config: c, hosts: hosts, login: login}
	last, err := d.chain(bounded)
	if err != nil {
		d.closeAll()
		return nil, bounding(bounded, ctx, c, err)
	}
	return newClient(c, last, d.opened, d.tcp), nil
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

// dialer makes one chain of connections, each through the one before.
type dialer struct {
	config Config
	hosts  *hostKeys
	login  *login
	// opened are the connections to close when the last one ends. The outermost is closed first, because a stream
	// inside a dead one would wait for its peer's answer.
	opened []io.Closer
	tcp    *net.TCPConn // what carries them; nil with a ProxyCommand
}

// chain goes through all jump hosts to the instance.
func (d *dialer) chain(ctx context.Context) (*connection, error) {
	var through *connection
	for _, hop := range slices.Concat(d.config.Jump, []Hop{{Address: d.config.Address}}) {
		if hop.User == "" {
			hop.User = d.config.User
		}
		a, err := parseAddress(hop.Address)
		if err != nil {
			return nil, err
		}
		if through != nil {
			go through.serve()
		}
		through, err = d.hop(ctx, through, hop.User, a)
		if err != nil && hop.Address != d.config.Address {
			return nil, fmt.Errorf("jump host %s: %w", a, err)
		}
		if err != nil {
			return nil, err
		}
		d.opened = append(d.opened, through)
	}
	return through, nil
}

func (d *dialer) hop(ctx context.Context, through *connection, user string, a address) (*connection, error) {
	conn, err := d.connect(ctx, through, user, a)
	switch {
	case err != nil && through != nil:
		return nil, fmt.Errorf("%w: the jump host %s cannot reach %s: %w", ErrUnreachable, through.to, a, err)
	case err != nil && d.config.ProxyCommand != "":
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w: %s", ErrUnreachable, err, checkTheWay)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		d.tcp = tcp
	}
	return d.handshake(ctx, conn, user, a)
}

// connect opens the stream that carries the SSH connection.
func (d *dialer) connect(ctx context.Context, through *connection, user string, a address) (net.Conn, error) {
	switch {
	case through != nil:
		return dialStream(ctx, through, "tcp", a.String())
	case d.config.ProxyCommand != "":
		return proxyCommand(d.config.ProxyCommand, user, a)
	default:
		return new(net.Dialer).DialContext(ctx, "tcp", a.String())
	}
}

// handshake logs in over conn. It closes conn when ctx ends, because the ssh package's own timeout covers only the TCP
// connect, and because that works for every kind of stream.
func (d *dialer) handshake(ctx context.Context, conn net.Conn, user string, a address) (*connection, error) {
	var trusted atomic.Bool
	config := &ssh.ClientConfig{
		User:              user,
		Auth:              d.login.methods(),
		HostKeyAlgorithms: d.hosts.algorithms(a),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			err := d.hosts.check(a, key)
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
		return nil, d.classify(conn, err, trusted.Load(), user)
	}
	return &connection{c, channels, requests, a}, nil
}

// classify finds out in which stage a handshake failed. The ssh package's errors for a refused login have no type, so
// that the stage decides: the host key was accepted and the stream did not break.
func (d *dialer) classify(conn net.Conn, err error, trusted bool, user string) error {
	if refused, ok := errors.AsType[*HostKeyError](err); ok {
		return refused
	}
	if said, ok := conn.(interface{ lastWords() string }); ok && said.lastWords() != "" {
		err = fmt.Errorf("%w: the proxy command said: %s", err, said.lastWords())
	}
	if trusted && !broken(err) {
		return fmt.Errorf("%w for user %s: %w: offered %s: check User, KeyFile and the instance's authorized_keys", ErrAuth, user, err, d.login)
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

func (d *dialer) closeAll() {
	for _, c := range d.opened {
		_ = c.Close()
	}
}
