package engine

import (
	"net/http"
	"strconv"
	"syscall"
	"time"
)

func (e *Engine) startContainer(w http.ResponseWriter, r *http.Request) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	if c.running() {
		// Also for one that was asked to stop and has not yet: see the field
		// notes on stopping.
		return errNotModified
	}
	if err := e.begin(c); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// begin is a start that was asked for: the restart manager begins anew.
func (e *Engine) begin(c *unit) error {
	c.stopped, c.leaving, c.restarts, c.backoff = false, false, 0, 0
	return e.launch(c)
}

func (e *Engine) stopContainer(w http.ResponseWriter, r *http.Request) error {
	c, err := e.stopRequest(r)
	if err != nil {
		return err
	}
	if c == nil {
		return errNotModified
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (e *Engine) restartContainer(w http.ResponseWriter, r *http.Request) error {
	if _, err := e.stopRequest(r); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	if !c.running() {
		if err := e.begin(c); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// stopRequest stops the container of the request and answers it, or nil where
// it did not run. A client that gives up does not change anything.
func (e *Engine) stopRequest(r *http.Request) (*unit, error) {
	e.mu.Lock()
	c, err := e.find(r.PathValue("id"))
	if err != nil || !c.running() {
		e.mu.Unlock()
		return nil, err
	}
	signal, grace := c.stopSignal(), c.stopGrace()
	e.mu.Unlock()
	if s := r.URL.Query().Get("signal"); s != "" {
		signal = s
	}
	if t := r.URL.Query().Get("t"); t != "" {
		seconds, err := strconv.Atoi(t)
		if err != nil {
			return nil, badRequest("invalid stop timeout %q", t)
		}
		grace = time.Duration(seconds) * time.Second
	}
	return c, e.stop(c, signal, grace)
}

// stop ends the container's process: by the signal, and after the grace by
// SIGKILL; a negative grace has no end.
func (e *Engine) stop(c *unit, signal string, grace time.Duration) error {
	proc, err := e.signal(c, signal)
	if err != nil {
		return err
	}
	if proc == nil { // in the pause before a restart
		if _, err := e.signal(c, "SIGKILL"); err != nil {
			return err
		}
		return e.await(e.ctx, c, func() bool { return !c.running() })
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
		if _, err := e.signal(c, "SIGKILL"); err != nil {
			return err
		}
	case <-e.ctx.Done():
	}
	return e.await(e.ctx, c, func() bool { return c.proc != proc })
}

// signal sends a signal to the container's process and does to its restart
// policy what the engine does (moby, daemon/kill.go): see the fields of unit.
// The process is nil in the pause before a restart, which ends with it.
func (e *Engine) signal(c *unit, name string) (Program, error) {
	number, err := ParseSignal(name)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	own, err := ParseSignal(c.stopSignal())
	if err != nil {
		return nil, err
	}
	if c.config.StopSignal == "" || number == own || number == syscall.SIGKILL {
		c.leaving = true
	}
	c.stopped = true
	if c.proc == nil {
		c.touch()
		return nil, nil
	}
	return c.proc, c.proc.Signal(number)
}

func (e *Engine) killContainer(w http.ResponseWriter, r *http.Request) error {
	signal := r.URL.Query().Get("signal")
	if signal == "" {
		signal = "SIGKILL"
	}
	e.mu.Lock()
	c, err := e.find(r.PathValue("id"))
	running := err == nil && c.running()
	e.mu.Unlock()
	if err != nil {
		return err
	}
	if !running {
		return conflict("cannot kill container: %s: container %s is not running", r.PathValue("id"), c.id)
	}
	proc, err := e.signal(c, signal)
	if err != nil {
		return err
	}
	if number, _ := ParseSignal(signal); number == syscall.SIGKILL && proc != nil {
		if err := e.await(e.ctx, c, func() bool { return c.proc != proc }); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
