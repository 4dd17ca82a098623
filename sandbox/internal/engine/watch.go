package engine

import (
	"time"

	"github.com/moby/moby/api/types/container"
)

// The engine's pauses before a restart (moby, daemon/restartmanager.go).
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = time.Minute
	// steady is how long a process must have run for the pauses to begin anew.
	steady = 10 * time.Second
)

// watch does what the restart policy says of a process that has ended.
func (e *Engine) watch(c *unit, proc Program) {
	pause, again := e.ended(c, proc)
	if !again {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		e.mu.Lock()
		if c.leaving || c.removed || e.closed {
			e.rest(c)
			e.mu.Unlock()
			return
		}
		changed := c.changed
		e.mu.Unlock()
		select {
		case <-timer.C:
			e.relaunch(c)
			return
		case <-changed:
		case <-e.ctx.Done():
		}
	}
}

// ended notes the end of the process and answers whether and after which
// pause another is due.
func (e *Engine) ended(c *unit, proc Program) (pause time.Duration, again bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unpublish(c)
	c.stopHealth()
	c.proc = nil
	c.finished = time.Now().UTC()
	c.exitCode = proc.ExitCode()
	c.exits++
	if !e.shouldRestart(c) {
		e.rest(c)
		return 0, false
	}
	c.restarts++
	c.status = container.StateRestarting
	c.touch()
	return c.backoff, true
}

// rest leaves the container exited; one that removes itself goes. It is
// called with mu held.
func (e *Engine) rest(c *unit) {
	c.status = container.StateExited
	if c.host.AutoRemove {
		e.remove(c)
	}
	c.touch()
}

func (e *Engine) unpublish(c *unit) {
	for _, b := range c.bound {
		if b.host != 0 {
			e.opts.Wire.Unpublish(b.host)
		}
	}
}

// shouldRestart is the engine's restart manager.
func (e *Engine) shouldRestart(c *unit) bool {
	policy := c.host.RestartPolicy
	if e.closed || c.leaving || policy.IsNone() {
		return false
	}
	if c.finished.Sub(c.started) >= steady {
		c.backoff = 0
	}
	c.backoff = min(max(2*c.backoff, firstBackoff), maxBackoff)
	switch {
	case policy.IsAlways():
		return true
	case policy.IsUnlessStopped():
		return !c.stopped
	case policy.IsOnFailure():
		return c.exitCode != 0 && (policy.MaximumRetryCount == 0 || c.restarts < policy.MaximumRetryCount)
	default:
		return false
	}
}

// relaunch starts the container again; one that cannot be stays exited.
func (e *Engine) relaunch(c *unit) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.leaving || e.launch(c) != nil {
		e.rest(c)
	}
}
