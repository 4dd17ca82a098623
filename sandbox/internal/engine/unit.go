package engine

import (
	"context"
	"net/netip"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// unit is one container. Its fields are guarded by the engine's mu, but for
// those that never change after it was made.
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

	// What belongs to the process that runs; proc is nil while none does.
	proc       Program
	addr       netip.Addr
	stack      *wire.Stack
	bound      []binding
	env        []string // translated
	health     *container.Health
	stopHealth context.CancelFunc

	// The restart manager's memory (moby, daemon/restartmanager.go).
	restarts int
	backoff  time.Duration
	// stopped is set by every kill, whatever the signal, and cleared by a
	// start asked for: unless-stopped then no longer restarts.
	stopped bool
	// leaving is set by a kill with the container's stop signal, or with any
	// signal where the container names none: no policy then restarts it.
	leaving bool
	removed bool

	// exits counts the times a process ended.
	exits int
	// changed is closed and made anew with each change of the above.
	changed chan struct{}
}

// running is the engine's notion: also true in the pause before a restart.
func (c *unit) running() bool {
	return c.status == container.StateRunning || c.status == container.StateRestarting
}

// touch wakes those who wait for a change.
func (c *unit) touch() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// await waits until is, called with mu held, answers true.
func (e *Engine) await(ctx context.Context, c *unit, is func() bool) error {
	for {
		e.mu.Lock()
		done, changed := is(), c.changed
		e.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// defaultStop is the engine's stop signal and grace.
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
