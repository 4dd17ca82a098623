// Package sshtest is an SSH server for tests: real SSH over loopback, with this
// machine's files, programs, ports and unix sockets behind it.
package sshtest

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// Options of a [Server]. The zero value accepts no key.
type Options struct {
	// HostKeys are what it shows. Empty: one new Ed25519 key.
	HostKeys []ssh.Signer
	// Authorized is the one key that may log in.
	Authorized ssh.PublicKey
	// MuteSFTP accepts SFTP sessions and answers nothing in them.
	MuteSFTP bool
}

// Server listens until the test ends.
type Server struct {
	// Addr is host:port.
	Addr string
	// HostKeys are what it shows.
	HostKeys []ssh.Signer

	t        testing.TB
	options  Options
	listener net.Listener

	mu       sync.Mutex
	users    []string
	conns    []net.Conn
	sessions []ssh.Channel
}

// Start listens on loopback.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if len(o.HostKeys) == 0 {
		o.HostKeys = []ssh.Signer{NewKey(t)}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &Server{Addr: listener.Addr().String(), HostKeys: o.HostKeys, t: t, options: o, listener: listener}
	go s.accept()
	t.Cleanup(func() { _ = listener.Close(); s.Cut() })
	return s
}

// Cut closes all connections, as a machine that went away.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
}

// EndSessions closes all sessions, SFTP's included, and leaves connections be.
func (s *Server) EndSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sessions {
		_ = c.Close()
	}
	s.sessions = nil
}

// Users are those who logged in, in order.
func (s *Server) Users() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.users...)
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
		go s.serve(conn)
	}
}

func (s *Server) config() *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if s.options.Authorized == nil || string(key.Marshal()) != string(s.options.Authorized.Marshal()) {
				return nil, errors.New("not authorized")
			}
			return nil, nil
		},
	}
	for _, key := range s.options.HostKeys {
		config.AddHostKey(key)
	}
	return config
}

func (s *Server) serve(conn net.Conn) {
	defer conn.Close()
	server, channels, requests, err := ssh.NewServerConn(conn, s.config())
	if err != nil {
		return
	}
	s.mu.Lock()
	s.users = append(s.users, server.User())
	s.mu.Unlock()
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		go s.open(channel)
	}
}

func (s *Server) open(channel ssh.NewChannel) {
	switch channel.ChannelType() {
	case "session":
		s.session(channel)
	case "direct-tcpip":
		var to struct {
			Host       string
			Port       uint32
			OriginHost string
			OriginPort uint32
		}
		if ssh.Unmarshal(channel.ExtraData(), &to) == nil {
			forward(channel, "tcp", address(to.Host, to.Port))
		}
	case "direct-streamlocal@openssh.com":
		var to struct {
			Path      string
			Reserved  string
			Reserved2 uint32
		}
		if ssh.Unmarshal(channel.ExtraData(), &to) == nil {
			forward(channel, "unix", to.Path)
		}
	default:
		_ = channel.Reject(ssh.UnknownChannelType, "unknown channel type")
	}
}

func forward(channel ssh.NewChannel, network, to string) {
	conn, err := net.Dial(network, to)
	if err != nil {
		_ = channel.Reject(ssh.ConnectionFailed, "connect failed")
		return
	}
	stream, requests, err := channel.Accept()
	if err != nil {
		_ = conn.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	go func() { _, _ = io.Copy(conn, stream); _ = conn.Close() }()
	_, _ = io.Copy(stream, conn)
	_ = stream.Close()
}

func (s *Server) session(channel ssh.NewChannel) {
	stream, requests, err := channel.Accept()
	if err != nil {
		return
	}
	s.mu.Lock()
	s.sessions = append(s.sessions, stream)
	s.mu.Unlock()
	for request := range requests {
		var text struct{ Value string }
		_ = ssh.Unmarshal(request.Payload, &text)
		known := request.Type == "exec" || (request.Type == "subsystem" && text.Value == "sftp")
		_ = request.Reply(known, nil)
		switch {
		case request.Type == "exec":
			go execute(stream, text.Value)
		case known && !s.options.MuteSFTP:
			go serveSFTP(stream)
		}
	}
}

func serveSFTP(stream ssh.Channel) {
	if server, err := sftp.NewServer(stream); err == nil {
		_ = server.Serve()
	}
	_ = stream.Close()
}

func execute(stream ssh.Channel, command string) {
	defer stream.Close()
	cmd := exec.Command("sh", "-c", command)
	cmd.Stdout, cmd.Stderr = stream, stream.Stderr()
	err := cmd.Run()
	status := struct{ Status uint32 }{0}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status.Status = uint32(exit.ExitCode())
	}
	_, _ = stream.SendRequest("exit-status", false, ssh.Marshal(&status))
}
