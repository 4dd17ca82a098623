package remote

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// proxyCommand starts the command and returns its standard streams as a connection. Closing it kills the command.
func proxyCommand(command, user, name string, a address) (net.Conn, error) {
	cmd := exec.Command("sh", "-c", expand(command, user, name, a))
	ownGroup(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("run proxy command: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("run proxy command: %w", err)
	}
	conn := &commandConn{cmd: cmd, in: in, out: out, err: &tail{}}
	cmd.Stderr = conn.err
	// A grandchild that keeps standard error open must not hold Wait.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run proxy command: %w", err)
	}
	return conn, nil
}

// expand replaces ssh's tokens: %h host, %p port, %r user, %n name, %% a percent sign.
func expand(command, user, name string, a address) string {
	return strings.NewReplacer("%%", "%", "%h", a.host, "%p", a.port, "%r", user, "%n", name).Replace(command)
}

// commandConn is a command's standard streams. It has no deadlines, so that a caller who waits for it has to close it.
type commandConn struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.ReadCloser
	err  *tail
	once sync.Once
}

func (c *commandConn) Read(p []byte) (int, error)  { return c.out.Read(p) }
func (c *commandConn) Write(p []byte) (int, error) { return c.in.Write(p) }

// Close kills the command and all that it started, and waits for its end.
func (c *commandConn) Close() error {
	c.once.Do(func() {
		kill(c.cmd)
		_ = c.in.Close()
		_ = c.cmd.Wait()
	})
	return nil
}

// lastWords returns the last line that the command wrote to standard error.
func (c *commandConn) lastWords() string { return c.err.lastLine() }

func (c *commandConn) LocalAddr() net.Addr              { return commandAddr{} }
func (c *commandConn) RemoteAddr() net.Addr             { return commandAddr{} }
func (c *commandConn) SetDeadline(time.Time) error      { return errNoDeadline }
func (c *commandConn) SetReadDeadline(time.Time) error  { return errNoDeadline }
func (c *commandConn) SetWriteDeadline(time.Time) error { return errNoDeadline }

var errNoDeadline = fmt.Errorf("proxy command: %w", os.ErrNoDeadline)

// commandAddr is the address of a connection that has none.
type commandAddr struct{}

func (commandAddr) Network() string { return "proxycommand" }
func (commandAddr) String() string  { return "proxycommand" }
