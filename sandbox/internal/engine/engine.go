package engine

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/growl-dev/deploy/sandbox/internal/engine/process"
	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// Options configures an engine.
type Options struct {
	// Root is the instance's root folder, which must exist. Mounts are folders in it, and the engine keeps its own files
	// in its folder var/lib/docker. Required.
	Root string
	// Wire is the instance's network. Required.
	Wire *wire.Network
	// Name is the machine's host name; empty means "instance".
	Name string
	// Transport sends the requests to registries; nil means [http.DefaultTransport].
	Transport http.RoundTripper
	// Pool is the number of connections to a database that the network of each container shows. Containers with host
	// networking have none.
	Pool int
	// Start starts a container's command; nil means that it becomes a process of this machine.
	Start func(*exec.Cmd) (Program, error)
}

// Program is the running program of a container.
type Program interface {
	// PID is unique on the instance.
	PID() int
	// Done is closed when the program has ended. ExitCode is valid from then on.
	Done() <-chan struct{}
	ExitCode() int
	// Signal and Kill return nil if the program has ended.
	Signal(syscall.Signal) error
	Kill() error
}

// Engine is the Docker Engine of one instance. It is an [http.Handler]. Its methods may be called concurrently.
//
// Four types share the work: [containerSet] holds the containers, [supervisor] runs their processes, and
// [containerAPI] and [imageAPI] serve the Engine API.
type Engine struct {
	name         string // the host name of the instance
	images       *images
	containers   *containerSet
	supervisor   *supervisor
	containerAPI *containerAPI
	imageAPI     *imageAPI
	faults       *faults
	mux          *http.ServeMux
	server       *server

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
}

// New returns an engine without images or containers. The engine is closed when ctx ends, unless Close was called
// before. An error means that the files under Options.Root cannot be opened or made.
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
	e := &Engine{name: opts.Name, images: store, containers: newContainerSet(), faults: &faults{}}
	e.ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	e.supervisor = &supervisor{
		opts: opts, root: root, images: store, containers: e.containers, ports: newPortBook(),
		hostWire: wire.NewStack(wire.Gateway), ctx: e.ctx,
	}
	e.containerAPI = &containerAPI{containers: e.containers, supervisor: e.supervisor, images: store}
	e.imageAPI = &imageAPI{images: store, containers: e.containers, faults: e.faults, transport: opts.Transport}
	e.mux = e.routes()
	e.server = newServer(e)
	context.AfterFunc(ctx, func() { _ = e.Close() })
	return e, nil
}

// Close kills every container, closes every connection and waits until all of them have ended. Later calls wait too
// and return nil.
func (e *Engine) Close() error {
	first := e.containers.close()
	e.cancel()
	e.server.close()
	e.supervisor.tasks.Wait()
	if !first {
		return nil
	}
	e.supervisor.ports.close()
	return e.supervisor.root.Close()
}

// Stack returns the network namespace of the container whose process has this ID. The result is false if no container
// runs a process with this ID.
func (e *Engine) Stack(pid int) (*wire.Stack, bool) { return e.containers.stack(pid) }

// PIDs returns the process IDs of the running containers.
func (e *Engine) PIDs() []int { return e.containers.pids() }

// Disk returns the size and the free space of the instance's volume.
func (e *Engine) Disk() Disk { return diskOf(e.images, e.faults) }
