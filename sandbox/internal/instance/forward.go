package instance

import (
	"errors"
	"io"
	"net"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// forwardTCP connects a channel to a port of the instance or of a container.
func (i *Instance) forwardTCP(channel ssh.NewChannel) {
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
	conn, err := i.wire.DialHost(i.ctx, to.Host, int(to.Port), uint16(to.OriginPort))
	i.forward(channel, conn, err)
}

// isDockerSocket knows both names, since /var/run is a link to /run.
func isDockerSocket(path string) bool {
	return path == "/var/run/docker.sock" || path == "/run/docker.sock"
}

// forwardUnix connects a channel to the engine's socket.
func (i *Instance) forwardUnix(channel ssh.NewChannel) {
	var to struct { // OpenSSH PROTOCOL, 2.4
		Path      string
		Reserved0 string
		Reserved1 uint32
	}
	if err := ssh.Unmarshal(channel.ExtraData(), &to); err != nil {
		reject(channel, ssh.ConnectionFailed, "malformed request")
		return
	}
	if !isDockerSocket(to.Path) {
		reject(channel, ssh.ConnectionFailed, "connect failed: No such file or directory")
		return
	}
	conn, err := i.engine.Dial(i.ctx)
	i.forward(channel, conn, err)
}

// forward copies both ways until both sides are done.
func (i *Instance) forward(channel ssh.NewChannel, conn net.Conn, err error) {
	if err != nil {
		reject(channel, ssh.ConnectionFailed, "connect failed: "+cause(err))
		return
	}
	defer conn.Close()
	stream, requests, err := channel.Accept()
	if err != nil {
		return // the SSH connection ended
	}
	defer stream.Close()
	i.tasks.Go(func() {
		// They end when the client closes the channel or its connection, which,
		// unlike the end of what it sends, ends the other way too.
		ssh.DiscardRequests(requests)
		conn.Close()
	})
	toConn := make(chan struct{})
	i.tasks.Go(func() {
		defer close(toConn)
		// Errors end the copy; the other side learns by the close.
		_, _ = io.Copy(conn, stream)
		closeWrite(conn)
	})
	_, _ = io.Copy(stream, conn)
	_ = stream.CloseWrite()
	// What the server side closed is closed for good, as in sshd, where a
	// client that only reads would hold the channel otherwise.
	_ = stream.Close()
	conn.Close()
	<-toConn
}

func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	conn.Close()
}

func cause(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return "connection failed"
}
