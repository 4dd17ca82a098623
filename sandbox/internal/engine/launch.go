package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// Exit codes of a container that could not be started, as the engine has them.
const (
	exitNotFound    = 127
	exitNotRunnable = 126
	exitNotStarted  = 128
)

// database is where a container's pool goes to, from ports of its own.
var database = netip.MustParseAddrPort("10.0.3.4:5432")

const firstPoolPort = 41000

// launch starts the container's process and publishes its ports. It is called
// with mu held. A failure is noted in the container's state.
func (e *Engine) launch(c *unit) error {
	err := e.tryLaunch(c)
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

func (e *Engine) tryLaunch(c *unit) error {
	if e.closed {
		return internal("the engine is shutting down")
	}
	if _, ok := e.faults.take(StartFails, ""); ok {
		return internal("failed to create task for container: OCI runtime create failed: fault %s", StartFails)
	}
	bound, err := e.bind(c)
	if err != nil {
		return err
	}
	mounts, err := e.prepareMounts(c)
	if err != nil {
		return err
	}
	c.bound, c.env = bound, processEnv(c.config, bound, mounts)
	cmd, err := e.commandOf(c, c.command())
	if err != nil {
		return err
	}
	out, problems := c.logs.writer(stdout), c.logs.writer(stderr)
	cmd.Stdout, cmd.Stderr = out, problems
	if c.config.Tty {
		cmd.Stderr = out
	}
	proc, err := e.opts.Start(cmd)
	if err != nil {
		return startError(c.command()[0], err)
	}
	e.ran(c, proc)
	e.tasks.Go(func() {
		<-proc.Done()
		out.flush()
		problems.flush()
		e.watch(c, proc)
	})
	return nil
}

// commandOf is the command, resolved in the image's files, as a process of
// this machine with the container's environment.
func (e *Engine) commandOf(c *unit, args []string) (*exec.Cmd, error) {
	rootfs := e.images.rootfs(c.image.id)
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

// startFailure is what runc says of a program it cannot run; the engine
// answers it with 400.
type startFailure struct {
	program string
	err     error
}

func (s *startFailure) Unwrap() []error {
	return []error{s.err, &apiError{status: 400, message: s.Error()}}
}

func (s *startFailure) Error() string {
	return fmt.Sprintf("failed to create task for container: failed to create shim task: OCI runtime create failed: "+
		"runc create failed: unable to start container process: exec: %q: %v: unknown", s.program, reason(s.err))
}

func startError(program string, err error) error { return &startFailure{program, err} }

// reason leaves this machine's paths out.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// resolveProgram finds a program in the image's files: by its path, or along
// the PATH of the container. No link leads out of the image.
func resolveProgram(rootfs, program, dir string, env []string) (string, error) {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return "", err
	}
	defer root.Close()
	for _, candidate := range candidates(program, dir, env) {
		info, err := root.Stat(rooted(candidate))
		switch {
		case err != nil && strings.Contains(program, "/"):
			return "", err
		case err != nil || info.IsDir():
			continue
		case info.Mode().Perm()&0o111 == 0:
			return "", fs.ErrPermission
		}
		return filepath.Join(rootfs, filepath.FromSlash(rooted(candidate))), nil
	}
	return "", exec.ErrNotFound
}

func candidates(program, dir string, env []string) []string {
	if path.IsAbs(program) {
		return []string{program}
	}
	if strings.Contains(program, "/") {
		return []string{path.Join("/", dir, program)}
	}
	var list []string
	for _, pair := range env {
		if folders, ok := strings.CutPrefix(pair, "PATH="); ok {
			for _, folder := range strings.Split(folders, ":") {
				list = append(list, path.Join("/", folder, program))
			}
		}
	}
	return list
}

// connectPool makes a container's connections to its database, until it ends.
func (e *Engine) connectPool(stack *wire.Stack) {
	for i := range e.opts.Pool {
		stack.Connect(firstPoolPort+uint16(i), database)
	}
}

// ran notes the process, publishes its ports and begins its health checks. It is called with mu held.
func (e *Engine) ran(c *unit, proc Program) {
	c.proc, c.status, c.err, c.exitCode = proc, container.StateRunning, "", 0
	c.started = time.Now().UTC()
	c.addr = e.freeAddr()
	c.stack = wire.NewStack(c.addr)
	if c.host.NetworkMode.IsHost() {
		c.stack = e.hostWire
	} else {
		e.connectPool(c.stack)
	}
	for _, b := range c.bound {
		if b.host != 0 {
			e.opts.Wire.PublishEndpoint(b.host, wire.Endpoint{Addr: loopback(b.real), Port: b.port, Stack: c.stack})
		}
	}
	e.watchHealth(c)
	c.touch()
}
