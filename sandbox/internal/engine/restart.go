package engine

import (
	"time"

	"github.com/moby/moby/api/types/container"
)

// The pauses before a restart, as in Docker (moby, daemon/restartmanager.go).
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = time.Minute
	// steady is the run time after which the next pause is the first one again.
	steady = 10 * time.Second
)

// restartByPolicy records that the process has ended and, if the restart policy requires it, starts the container again
// after a pause. A stop, a removal or Close ends the pause.
func (s *supervisor) restartByPolicy(c *unit, proc Program) {
	pause, again := s.noteEnd(c, proc)
	if !again {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		s.containers.mu.Lock()
		if c.noRestart || c.removed || s.containers.closed {
			s.setExited(c)
			s.containers.mu.Unlock()
			return
		}
		changed := c.changed
		s.containers.mu.Unlock()
		select {
		case <-timer.C:
			s.relaunch(c)
			return
		case <-changed:
		case <-s.ctx.Done():
		}
	}
}

// noteEnd records that the process has ended. It returns whether the container is to be started again, and after which
// pause.
func (s *supervisor) noteEnd(c *unit, proc Program) (pause time.Duration, again bool) {
	s.containers.mu.Lock()
	defer s.containers.mu.Unlock()
	s.unpublish(c)
	c.stopHealth()
	c.proc = nil
	c.finished = time.Now().UTC()
	c.exitCode = proc.ExitCode()
	c.exits++
	if !s.shouldRestart(c) {
		s.setExited(c)
		return 0, false
	}
	c.restarts++
	c.status = container.StateRestarting
	c.touch()
	return c.backoff, true
}

// setExited records that the container is not started again, and deletes it if it was created with AutoRemove. The
// caller holds the lock of the containers.
func (s *supervisor) setExited(c *unit) {
	c.status = container.StateExited
	if c.host.AutoRemove {
		s.containers.delete(c)
	}
	c.touch()
}

// shouldRestart applies the restart policy and sets the pause. The caller holds the lock of the containers.
func (s *supervisor) shouldRestart(c *unit) bool {
	policy := c.host.RestartPolicy
	if s.containers.closed || c.noRestart || policy.IsNone() {
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

// relaunch starts the container again. A container that cannot be started stays exited.
func (s *supervisor) relaunch(c *unit) {
	s.containers.mu.Lock()
	defer s.containers.mu.Unlock()
	if c.noRestart || s.launch(c) != nil {
		s.setExited(c)
	}
}
