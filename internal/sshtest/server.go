// Package sshtest starts SSH servers for tests: real SSH over loopback, with this machine's files, programs, ports and
// Unix sockets behind it.
package sshtest

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/internal/sshserver"
)

// Options of a [Server]. The zero value accepts no key.
type Options struct {
	// HostKeys identify the server; empty means one new Ed25519 key.
	HostKeys []ssh.Signer
	// Authorized is the one key that may log in.
	Authorized ssh.PublicKey
	// MuteSFTP accepts SFTP sessions and sends nothing in them.
	MuteSFTP bool
}

// Server listens until the test ends.
type Server struct {
	*sshserver.Server
	// Addr is host:port.
	Addr string
	// HostKeys identify the server.
	HostKeys []ssh.Signer

	t testing.TB
}

// Start starts a server on a free loopback port.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if len(o.HostKeys) == 0 {
		o.HostKeys = []ssh.Signer{NewKey(t)}
	}
	server, err := sshserver.Start(sshserver.Options{
		HostKeys: o.HostKeys,
		Authorize: func(_ string, key ssh.PublicKey) bool {
			return o.Authorized != nil && string(key.Marshal()) == string(o.Authorized.Marshal())
		},
		DialTCP: func(ctx context.Context, host string, port int, _ uint16) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address(host, port))
		},
		DialUnix: func(ctx context.Context, path string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		Program: o.program,
	})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	return &Server{Server: server, Addr: server.Addr(), HostKeys: o.HostKeys, t: t}
}

// program returns a command of this machine, or SFTP over this machine's files.
func (o Options) program(kind, argument string) sshserver.Program {
	switch {
	case kind == "exec":
		return func(ctx context.Context, session ssh.Channel) { execute(ctx, session, argument) }
	case kind == "subsystem" && argument == "sftp" && o.MuteSFTP:
		return func(_ context.Context, session ssh.Channel) { _, _ = io.Copy(io.Discard, session) }
	case kind == "subsystem" && argument == "sftp":
		return serveSFTP
	default:
		return nil
	}
}

func serveSFTP(_ context.Context, session ssh.Channel) {
	if server, err := sftp.NewServer(session); err == nil {
		_ = server.Serve()
	}
}

// execute runs a command without input. It ends with the server.
func execute(ctx context.Context, session ssh.Channel, command string) {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = session, session.Stderr(), time.Second
	status := 0
	if exit, ok := errors.AsType[*exec.ExitError](cmd.Run()); ok {
		status = exit.ExitCode()
	}
	sshserver.Exit(session, status)
}
