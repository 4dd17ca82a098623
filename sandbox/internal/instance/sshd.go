package instance

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// loginGrace is how long a client may take to log in; sshd's own is 120 s.
const loginGrace = 30 * time.Second

// listen begins to accept SSH connections at addr.
func (i *Instance) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for SSH: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || i.listener != nil {
		return l.Close()
	}
	i.listener, i.addr = l, l.Addr().String()
	i.tasks.Go(func() { i.accept(l) })
	return nil
}

func (i *Instance) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the client went away again, or too many files for a moment
		}
		if silent, ok := i.admit(conn); !ok {
			conn.Close()
		} else if !silent {
			i.tasks.Go(func() { i.serve(conn) })
		}
	}
}

// admit notes the connection, so that it can be cut, and says whether it is to
// be left without an answer.
func (i *Instance) admit(conn net.Conn) (silent, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || i.listener == nil {
		return false, false
	}
	i.conns[conn] = struct{}{}
	return i.silent, true
}

func (i *Instance) forget(conn net.Conn) {
	conn.Close()
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.conns, conn)
}

var errLogin = errors.New("permission denied (publickey)")

func (i *Instance) config() *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-OpenSSH_8.7-sandbox",
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if meta.User() != i.opts.User {
				return nil, errLogin
			}
			for _, known := range i.opts.AuthorizedKeys {
				if bytes.Equal(known.Marshal(), key.Marshal()) {
					return &ssh.Permissions{}, nil
				}
			}
			return nil, errLogin
		},
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	config.AddHostKey(i.hostKey)
	return config
}

// serve speaks SSH on one connection until it ends.
func (i *Instance) serve(conn net.Conn) {
	defer i.forget(conn)
	// An error of a deadline shows in the handshake.
	_ = conn.SetDeadline(time.Now().Add(loginGrace))
	server, channels, requests, err := ssh.NewServerConn(conn, i.config())
	if err != nil {
		return // not logged in: the client was told
	}
	_ = conn.SetDeadline(time.Time{})
	defer server.Close()
	// Keepalives are answered with failure, as sshd answers requests it does
	// not know; that is an answer. Remote forwarding is refused with it.
	i.tasks.Go(func() { ssh.DiscardRequests(requests) })
	var sessions atomic.Int32
	for channel := range channels {
		i.tasks.Go(func() { i.open(channel, &sessions) })
	}
}

// maxSessions is sshd's MaxSessions; forwarded connections do not count.
const maxSessions = 10

func (i *Instance) open(channel ssh.NewChannel, sessions *atomic.Int32) {
	switch channel.ChannelType() {
	case "session":
		defer sessions.Add(-1)
		if sessions.Add(1) > maxSessions {
			reject(channel, ssh.ConnectionFailed, "open failed")
			return
		}
		i.session(channel)
	case "direct-tcpip":
		i.forwardTCP(channel)
	case "direct-streamlocal@openssh.com":
		i.forwardUnix(channel)
	default:
		reject(channel, ssh.UnknownChannelType, "unknown channel type")
	}
}

// reject refuses a channel. An error is a connection that ended meanwhile.
func reject(channel ssh.NewChannel, reason ssh.RejectionReason, message string) {
	_ = channel.Reject(reason, message)
}
