package engine

import (
	"syscall"
	"time"
)

// stop sends the signal, sends SIGKILL if the process has not ended after the grace, and waits until it has. A negative
// grace means that SIGKILL is never sent.
func (s *supervisor) stop(c *unit, signal string, grace time.Duration) error {
	proc, err := s.signal(c, signal)
	if err != nil {
		return err
	}
	if proc == nil { // in the pause before a restart
		if _, err := s.signal(c, "SIGKILL"); err != nil {
			return err
		}
		return s.containers.await(s.ctx, c, func() bool { return !c.running() })
	}
	var late <-chan time.Time
	if grace >= 0 {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-proc.Done():
	case <-late:
		if _, err := s.signal(c, "SIGKILL"); err != nil {
			return err
		}
	case <-s.ctx.Done():
	}
	return s.awaitEnd(c, proc)
}

// signal sends a signal to the container's process and returns the process. It sets stopped and noRestart by Docker's
// rules (moby, daemon/kill.go). In the pause before a restart there is no process: then the pause ends and the result
// is nil.
func (s *supervisor) signal(c *unit, name string) (Program, error) {
	number, err := ParseSignal(name)
	if err != nil {
		return nil, err
	}
	s.containers.mu.Lock()
	defer s.containers.mu.Unlock()
	own, err := ParseSignal(c.stopSignal())
	if err != nil {
		return nil, err
	}
	if c.config.StopSignal == "" || number == own || number == syscall.SIGKILL {
		c.noRestart = true
	}
	c.stopped = true
	if c.proc == nil {
		c.touch()
		return nil, nil
	}
	return c.proc, c.proc.Signal(number)
}

// awaitEnd waits until the container no longer has this process, or the engine is closed.
func (s *supervisor) awaitEnd(c *unit, proc Program) error {
	return s.containers.await(s.ctx, c, func() bool { return c.proc != proc })
}

// killAndDelete kills the container's process, if one runs, and deletes the container.
func (s *supervisor) killAndDelete(c *unit) error {
	proc, err := s.signal(c, "SIGKILL")
	if err != nil {
		return err
	}
	if proc != nil {
		if err := s.awaitEnd(c, proc); err != nil {
			return err
		}
	}
	s.containers.mu.Lock()
	defer s.containers.mu.Unlock()
	s.containers.delete(c)
	c.touch()
	return nil
}
