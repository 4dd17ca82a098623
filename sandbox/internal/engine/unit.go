package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

func (c *unit) command() []string { return slices.Concat(c.config.Entrypoint, c.config.Cmd) }

// unit is one container. The lock of the [containerSet] guards the fields that change after the container was made.
type unit struct {
	id      string
	created time.Time
	image   imageRecord
	config  container.Config // as created, merged with the image's
	logs    *logBuffer

	name string
	host container.HostConfig

	status   container.ContainerState
	exitCode int
	err      string
	started  time.Time
	finished time.Time

	// The running process and what it uses. proc is nil while no process runs.
	proc       Program
	addr       netip.Addr
	stack      *wire.Stack
	bound      []binding
	env        []string // translated
	health     *container.Health
	stopHealth context.CancelFunc

	// The state of the restart policy (moby, daemon/restartmanager.go).
	restarts int
	backoff  time.Duration
	// stopped is set by every signal that a client sends and cleared by every start that a client requests. While it is
	// set, the policy unless-stopped does not restart the container.
	stopped bool
	// noRestart is set by SIGKILL and by the container's stop signal, and by any signal if the container has no stop
	// signal of its own. While it is set, no policy restarts the container.
	noRestart bool
	removed   bool

	// exits counts the processes that have ended.
	exits int
	// changed is closed and replaced whenever one of the fields above changes.
	changed chan struct{}
}

// running reports whether the container runs. As in Docker, it does also in the pause before a restart.
func (c *unit) running() bool {
	return c.status == container.StateRunning || c.status == container.StateRestarting
}

// touch wakes the goroutines that wait for a change.
func (c *unit) touch() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// The stop signal and the time until SIGKILL of a container that sets neither, as in Docker.
const (
	defaultStopSignal = "SIGTERM"
	defaultStopGrace  = 10 * time.Second
)

func (c *unit) stopSignal() string {
	if c.config.StopSignal != "" {
		return c.config.StopSignal
	}
	return defaultStopSignal
}

func (c *unit) stopGrace() time.Duration {
	if c.config.StopTimeout != nil {
		return time.Duration(*c.config.StopTimeout) * time.Second
	}
	return defaultStopGrace
}

// newUnit returns a container that was never started, with a new ID and the image's defaults merged in.
func newUnit(image imageRecord, config container.Config, host container.HostConfig) (*unit, error) {
	if err := container.ValidateRestartPolicy(host.RestartPolicy); err != nil {
		return nil, badRequest("%v", err)
	}
	if host.RestartPolicy.Name == "" {
		host.RestartPolicy.Name = container.RestartPolicyDisabled
	}
	if host.AutoRemove && !host.RestartPolicy.IsNone() {
		return nil, badRequest("can't create 'AutoRemove' container with restart policy")
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	c := &unit{
		id: hex.EncodeToString(id), created: time.Now().UTC(), image: image, config: config, host: host,
		status: container.StateCreated, logs: newLogBuffer(), changed: make(chan struct{}),
	}
	if err := c.mergeImage(image.config.Config); err != nil {
		return nil, err
	}
	if c.config.Hostname == "" {
		c.config.Hostname = c.id[:12]
	}
	if c.config.StopSignal != "" {
		if _, err := ParseSignal(c.config.StopSignal); err != nil {
			return nil, err
		}
	}
	if len(c.command()) == 0 {
		return nil, badRequest("no command specified")
	}
	return c, nil
}
