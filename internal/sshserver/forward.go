package sshserver

import (
	"errors"
	"io"
	"net"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// forwardTCP connects a channel to a port of the machine.
func (s *Server) forwardTCP(channel ssh.NewChannel) {
	var to struct { // RFC 4254, 7.2
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}
	if err := ssh.Unmarshal(channel.ExtraData(), &to); err != nil || to.Port > 65535 {
		reject(channel, ssh.ConnectionFailed, "malformed request")
		return
	}
	conn, err := s.options.DialTCP(s.ctx, to.Host, int(to.Port), uint16(to.OriginPort))
	s.forward(channel, conn, err)
}

// forwardUnix connects a channel to a Unix socket of the machine.
func (s *Server) forwardUnix(channel ssh.NewChannel) {
	var to struct { // OpenSSH PROTOCOL, 2.4
		Path      string
		Reserved0 string
		Reserved1 uint32
	}
	if err := ssh.Unmarshal(channel.ExtraData(), &to); err != nil {
		reject(channel, ssh.ConnectionFailed, "malformed request")
		return
	}
	conn, err := s.options.DialUnix(s.ctx, to.Path)
	s.forward(channel, conn, err)
}

// forward copies both ways until both sides have ended. err is the error of the dial.
func (s *Server) forward(channel ssh.NewChannel, conn net.Conn, err error) {
	if err != nil {
		reject(channel, ssh.ConnectionFailed, "connect failed: "+cause(err))
		return
	}
	defer conn.Close()
	stream, requests, err := channel.Accept()
	if err != nil {
		return // the connection has ended
	}
	defer stream.Close()
	s.tasks.Go(func() {
		// The requests end when the client closes the channel or its connection. Unlike the end of the client's data, that
		// ends the other direction too.
		ssh.DiscardRequests(requests)
		conn.Close()
	})
	toConn := make(chan struct{})
	s.tasks.Go(func() {
		defer close(toConn)
		// An error ends the copy, and the close below informs the other side.
		_, _ = io.Copy(conn, stream)
		closeWrite(conn)
	})
	_, _ = io.Copy(stream, conn)
	_ = stream.CloseWrite()
	// Close the channel as soon as the machine's side has ended, as sshd does, because a client that only reads would keep
	// it open otherwise.
	_ = stream.Close()
	conn.Close()
	<-toConn
}

// closeWrite ends one direction of a connection, or the connection if it has no half-close.
func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	conn.Close()
}

// cause returns the system's error without addresses of this machine.
func cause(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return "connection failed"
}
