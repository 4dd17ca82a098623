package instance

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/internal/sshserver"
)

// maxSessions is the default of sshd's MaxSessions.
const maxSessions = 10

// startSSH starts the instance's SSH server.
func (i *Instance) startSSH() (err error) {
	i.ssh, err = sshserver.Start(sshserver.Options{
		HostKeys: []ssh.Signer{i.opts.HostKey}, Authorize: i.opts.authorize, Version: "SSH-2.0-OpenSSH_8.7-sandbox",
		MaxSessions: maxSessions, DialTCP: i.wire.DialHost, DialUnix: i.dialUnix, Program: i.program,
	})
	return err
}

// authorize reports whether the user may log in with the key.
func (o Options) authorize(user string, key ssh.PublicKey) bool {
	if user != o.User {
		return false
	}
	for _, authorized := range o.AuthorizedKeys {
		if bytes.Equal(authorized.Marshal(), key.Marshal()) {
			return true
		}
	}
	return false
}

// dialUnix connects to the engine's socket, which has two names because /var/run is a link to /run.
func (i *Instance) dialUnix(ctx context.Context, path string) (net.Conn, error) {
	if path != "/var/run/docker.sock" && path != "/run/docker.sock" {
		return nil, syscall.ENOENT
	}
	return i.engine.Dial(ctx)
}

// program returns the program for a session's request.
func (i *Instance) program(kind, argument string) sshserver.Program {
	switch {
	case kind == "exec":
		return func(ctx context.Context, session ssh.Channel) { i.opts.exec(ctx, session, argument) }
	case kind == "subsystem" && argument == "sftp":
		return i.files.serve
	case kind == "shell":
		return i.opts.refuseShell
	default:
		return nil
	}
}

// refuseShell explains that the instance has no interactive shell.
func (o Options) refuseShell(_ context.Context, session ssh.Channel) {
	fmt.Fprintf(session, "This is %s, an instance of the sandbox. It has no interactive shell:\r\n"+
		"run a command (ssh HOST COMMAND), use sftp, or forward a port or /var/run/docker.sock (ssh -L).\r\n", o.ID)
	sshserver.Exit(session, 1)
}
