package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// Exit codes of a container that could not be started, as in Docker.
const (
	exitNotFound    = 127
	exitNotRunnable = 126
	exitNotStarted  = 128
)

// database is the far end of the connections that a container's pool keeps open.
var database = netip.MustParseAddrPort("10.0.3.4:5432")

const firstPoolPort = 41000

// launch starts the container's process and publishes its ports. The caller holds the lock of the containers. An error
// is also recorded in the container's state.
func (s *supervisor) launch(c *unit) error {
	err := s.tryLaunch(c)
	if err != nil {
		c.proc, c.bound, c.env = nil, nil, nil
		c.err, c.exitCode = err.Error(), exitNotStarted
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
			c.exitCode = exitNotFound
		} else if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOEXEC) {
			c.exitCode = exitNotRunnable
		}
		c.touch()
	}
	return err
}

// tryLaunch is launch without recording the error.
func (s *supervisor) tryLaunch(c *unit) error {
	if s.containers.closed {
		return internal("the engine is shutting down")
	}
	bound, err := s.bind(c)
	if err != nil {
		return err
	}
	mounts, err := s.prepareMounts(c)
	if err != nil {
		return err
	}
	c.bound, c.env = bound, processEnv(c.config, bound, mounts)
	cmd, err := s.commandOf(c, c.command())
	if err != nil {
		return err
	}
	out, problems := c.logs.writer(stdout), c.logs.writer(stderr)
	cmd.Stdout, cmd.Stderr = out, problems
	if c.config.Tty {
		cmd.Stderr = out
	}
	proc, err := s.opts.Start(cmd)
	if err != nil {
		return startError(c.command()[0], err)
	}
	s.noteStart(c, proc)
	s.tasks.Go(func() {
		<-proc.Done()
		out.flush()
		problems.flush()
		s.restartByPolicy(c, proc)
	})
	return nil
}

// commandOf returns the command as a process of this machine: its program is resolved in the image's files, and its
// environment is the container's.
func (s *supervisor) commandOf(c *unit, args []string) (*exec.Cmd, error) {
	rootfs := s.images.rootfs(c.image.id)
	program, err := resolveProgram(rootfs, args[0], c.config.WorkingDir, c.env)
	if err != nil {
		return nil, startError(args[0], err)
	}
	cmd := exec.Command(program)
	cmd.Args = args
	cmd.Env = c.env
	cmd.Dir = filepath.Join(rootfs, filepath.FromSlash(rooted(c.config.WorkingDir)))
	if err := os.MkdirAll(cmd.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the working directory: %w", err)
	}
	return cmd, nil
}

// noteStart records the process, publishes its ports and starts its health checks. The caller holds the lock of the
// containers.
func (s *supervisor) noteStart(c *unit, proc Program) {
	c.proc, c.status, c.err, c.exitCode = proc, container.StateRunning, "", 0
	c.started = time.Now().UTC()
	c.addr = s.containers.freeAddr()
	c.stack = wire.NewStack(c.addr)
	if c.host.NetworkMode.IsHost() {
		c.stack = s.hostWire
	} else {
		for i := range s.opts.Pool {
			c.stack.Connect(firstPoolPort+uint16(i), database)
		}
	}
	for _, b := range c.bound {
		if b.host != 0 {
			s.opts.Wire.PublishEndpoint(b.host, wire.Endpoint{Addr: loopback(b.real), Port: b.port, Stack: c.stack})
		}
	}
	s.watchHealth(c)
	c.touch()
}

// startRequested starts the container because a client requested it, so the restart policy counts anew. The caller
// holds the lock of the containers.
func (s *supervisor) startRequested(c *unit) error {
	c.stopped, c.noRestart, c.restarts, c.backoff = false, false, 0, 0
	return s.launch(c)
}

// unpublish ends the forwarding of the container's host ports. The caller holds the lock of the containers.
func (s *supervisor) unpublish(c *unit) {
	for _, b := range c.bound {
		if b.host != 0 {
			s.opts.Wire.Unpublish(b.host)
		}
	}
}
