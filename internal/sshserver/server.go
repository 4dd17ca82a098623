// Package sshserver is the SSH server of simulated machines: the sandbox's instances and the servers of tests. It
// implements the protocol on top of x/crypto/ssh, and [Options] supplies the machine behind it.
package sshserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// loginGrace is the time in which a client must log in. It is 120 s in sshd.
const loginGrace = 30 * time.Second

// Options describes the machine behind a server.
type Options struct {
	// HostKeys identify the server. At least one is required.
	HostKeys []ssh.Signer
	// Authorize reports whether the user may log in with the key. Required.
	Authorize func(user string, key ssh.PublicKey) bool
	// DialTCP connects a client to a port of the machine (direct-tcpip). origin is the port that the client gave as the
	// source of the connection. Required.
	DialTCP func(ctx context.Context, host string, port int, origin uint16) (net.Conn, error)
	// DialUnix connects a client to a Unix socket of the machine (direct-streamlocal). Required.
	DialUnix func(ctx context.Context, path string) (net.Conn, error)
	// Program returns the program for a session's request, or nil to refuse the request. kind is "exec", "subsystem" or
	// "shell". argument is the command or the name of the subsystem. Required.
	Program func(kind, argument string) Program
	// Version is the version that the server shows, such as SSH-2.0-OpenSSH_8.7; empty means that of x/crypto/ssh.
	Version string
	// MaxSessions is the largest number of sessions of one connection, as in sshd; zero means no limit.
	MaxSessions int
}

// Program runs in a session and returns when it has ended. The server closes the session then. ctx ends when the server
// is closed, and the program must return soon after it.
type Program func(ctx context.Context, session ssh.Channel)

// Server is a running SSH server on a port of 127.0.0.1. Its methods may be called concurrently.
type Server struct {
	options Options
	addr    string
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	tasks   sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while the server does not listen
	conns    map[net.Conn]struct{}
	sessions map[ssh.Channel]struct{}
	users    []string
	silent   bool
	closed   bool
}

// Start starts a server on a free port. The caller must close it.
func Start(o Options) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for SSH: %w", err)
	}
	s := &Server{
		options: o, addr: l.Addr().String(), listener: l,
		conns: map[net.Conn]struct{}{}, sessions: map[ssh.Channel]struct{}{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.tasks.Go(func() { s.accept(l) })
	return s, nil
}

// StopListening makes the port refuse connections. Open connections continue.
func (s *Server) StopListening() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		_ = s.listener.Close()
		s.listener = nil
	}
}

// Close closes the listener and every connection, and waits until every program has ended. It may be called again.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.StopListening()
	s.Cut()
	s.cancel()
	s.tasks.Wait()
}

// Cut closes every connection, as if the machine was gone. New ones are accepted.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	clear(s.conns)
}

// Open returns how many connections are open.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// EndSessions closes every session, SFTP's included. Connections stay open.
func (s *Server) EndSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for session := range s.sessions {
		_ = session.Close()
	}
	clear(s.sessions)
}

// SetSilent makes the server accept new connections without ever sending anything, or ends that.
func (s *Server) SetSilent(silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = silent
}

// HostKeys returns the host keys.
func (s *Server) HostKeys() []ssh.Signer { return s.options.HostKeys }

// Addr returns the server's 127.0.0.1:port.
func (s *Server) Addr() string { return s.addr }

// Users returns the names of the users that have logged in, in order.
func (s *Server) Users() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.users...)
}

func (s *Server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the client has disconnected, or too many files are open for a moment
		}
		if silent, ok := s.admit(conn); !ok {
			_ = conn.Close()
		} else if !silent {
			s.tasks.Go(func() { s.serve(conn) })
		}
	}
}

// admit adds the connection to those that Cut closes. It returns false if the server no longer listens.
func (s *Server) admit(conn net.Conn) (silent, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.listener == nil {
		return false, false
	}
	s.conns[conn] = struct{}{}
	return s.silent, true
}

func (s *Server) forget(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

func (s *Server) config() *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		ServerVersion: s.options.Version,
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !s.options.Authorize(meta.User(), key) {
				return nil, errors.New("permission denied (publickey)")
			}
			return &ssh.Permissions{}, nil
		},
	}
	for _, key := range s.HostKeys() {
		config.AddHostKey(key)
	}
	return config
}

// serve serves one connection until it ends.
func (s *Server) serve(conn net.Conn) {
	defer s.forget(conn)
	// The handshake returns an error of the deadline.
	_ = conn.SetDeadline(time.Now().Add(loginGrace))
	server, channels, requests, err := ssh.NewServerConn(conn, s.config())
	if err != nil {
		return // the client has received the reason
	}
	_ = conn.SetDeadline(time.Time{})
	defer server.Close()
	s.mu.Lock()
	s.users = append(s.users, server.User())
	s.mu.Unlock()
	// Keepalives are answered with failure, as sshd answers requests that it does not implement, because clients need
	// any answer. Remote forwarding is refused in the same way.
	s.tasks.Go(func() { ssh.DiscardRequests(requests) })
	var sessions atomic.Int32
	for channel := range channels {
		s.tasks.Go(func() { s.open(channel, &sessions) })
	}
}

func (s *Server) open(channel ssh.NewChannel, sessions *atomic.Int32) {
	switch channel.ChannelType() {
	case "session":
		defer sessions.Add(-1)
		if n := int(sessions.Add(1)); s.options.MaxSessions > 0 && n > s.options.MaxSessions {
			reject(channel, ssh.ConnectionFailed, "open failed")
			return
		}
		s.session(channel)
	case "direct-tcpip":
		s.forwardTCP(channel)
	case "direct-streamlocal@openssh.com":
		s.forwardUnix(channel)
	default:
		reject(channel, ssh.UnknownChannelType, "unknown channel type")
	}
}

// reject refuses a channel. It ignores errors, because they mean that the connection has ended.
func reject(channel ssh.NewChannel, reason ssh.RejectionReason, message string) {
	_ = channel.Reject(reason, message)
}
