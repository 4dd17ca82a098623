package engine

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/growl-dev/deploy/sandbox/internal/engine/process"
	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// Options says what the engine works on.
type Options struct {
	// Root is the instance's root folder, which must exist. Mounts are under
	// it; var/lib/docker in it is the engine's own. Required.
	Root string
	// Wire is the instance's network. Required.
	Wire *wire.Network
	// Name is the machine's host name; empty means "instance".
	Name string
	// Transport speaks to registries; nil means [http.DefaultTransport].
	Transport http.RoundTripper
	// Pool is how many connections each container with a network of its own keeps to
	// a database.
	Pool int
	// Start starts a container's command; nil means as a process of this machine.
	Start func(*exec.Cmd) (Program, error)
}

// Program is what a container runs.
type Program interface {
	// PID is unique on the instance.
	PID() int
	// Done is closed when it has ended; ExitCode is valid then.
	Done() <-chan struct{}
	ExitCode() int
	// Signal and Kill are successes where it has ended.
	Signal(syscall.Signal) error
	Kill() error
}

// Engine is one instance's Docker Engine. It is an [http.Handler]; its methods
// may be called concurrently.
type Engine struct {
	opts   Options
	root   *os.Root // the instance's files
	images *images
	ports  *portBook
	faults faultSet
	mux    *http.ServeMux
	server *server

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	tasks    sync.WaitGroup // goroutines that watch containers
	hostWire *wire.Stack    // the namespace of host-networked containers

	mu         sync.Mutex
	containers map[string]*unit // by ID
	closed     bool
}

// New returns an engine without images or containers. It is closed when ctx
// ends, if not before.
func New(ctx context.Context, opts Options) (*Engine, error) {
	if opts.Name == "" {
		opts.Name = "instance"
	}
	if opts.Transport == nil {
		opts.Transport = http.DefaultTransport
	}
	if opts.Start == nil {
		opts.Start = func(cmd *exec.Cmd) (Program, error) { return process.Start(cmd) }
	}
	root, err := os.OpenRoot(opts.Root)
	if err != nil {
		return nil, fmt.Errorf("open the instance's root folder: %w", err)
	}
	store, err := newImages(filepath.Join(opts.Root, "var", "lib", "docker"))
	if err != nil {
		root.Close()
		return nil, err
	}
	e := &Engine{
		opts: opts, root: root, images: store, ports: newPortBook(),
		hostWire: wire.NewStack(wire.Gateway), containers: map[string]*unit{},
	}
	e.ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	e.mux = e.routes()
	e.server = newServer(e)
	context.AfterFunc(ctx, func() { _ = e.Close() })
	return e, nil
}

// Close kills every container, ends every connection and waits for both.
func (e *Engine) Close() error {
	e.mu.Lock()
	first := !e.closed
	e.closed = true
	for _, c := range e.containers {
		if c.proc != nil {
			_ = c.proc.Kill()
		}
	}
	e.mu.Unlock()
	e.cancel()
	e.server.close()
	e.tasks.Wait()
	if !first {
		return nil
	}
	e.ports.close()
	return e.root.Close()
}

// Stack returns the network namespace of the container whose program has this
// process ID, and false where none runs.
func (e *Engine) Stack(pid int) (*wire.Stack, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.containers {
		if c.proc != nil && c.proc.PID() == pid {
			return c.stack, true
		}
	}
	return nil, false
}

// PIDs are the process IDs of the containers that run.
func (e *Engine) PIDs() []int {
	e.mu.Lock()
	defer e.mu.Unlock()
	var pids []int
	for _, c := range e.containers {
		if c.proc != nil {
			pids = append(pids, c.proc.PID())
		}
	}
	return pids
}

// find returns the container of that name, ID or unambiguous start of an ID.
// It is called with mu held.
func (e *Engine) find(name string) (*unit, error) {
	name = strings.TrimPrefix(name, "/")
	if c, ok := e.containers[name]; ok {
		return c, nil
	}
	var found *unit
	for _, c := range e.containers {
		if c.name == name {
			return c, nil
		}
		if name != "" && strings.HasPrefix(c.id, name) {
			if found != nil {
				return nil, badRequest("Multiple IDs found with provided prefix: %s", name)
			}
			found = c
		}
	}
	if found == nil {
		return nil, notFound("No such container: %s", name)
	}
	return found, nil
}
