package engine

import (
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// containerAPI serves the part of the Engine API that is about containers.
type containerAPI struct {
	containers *containerSet
	supervisor *supervisor
	images     *images
}

func (h *containerAPI) start(w http.ResponseWriter, r *http.Request) error {
	h.containers.mu.Lock()
	defer h.containers.mu.Unlock()
	c, err := h.containers.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	if c.running() {
		// This holds also while the container is being stopped, as in Docker.
		return errNotModified
	}
	if err := h.supervisor.startRequested(c); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *containerAPI) stop(w http.ResponseWriter, r *http.Request) error {
	c, err := h.stopRequest(r)
	if err != nil {
		return err
	}
	if c == nil {
		return errNotModified
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *containerAPI) restart(w http.ResponseWriter, r *http.Request) error {
	if _, err := h.stopRequest(r); err != nil {
		return err
	}
	h.containers.mu.Lock()
	defer h.containers.mu.Unlock()
	c, err := h.containers.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	if !c.running() {
		if err := h.supervisor.startRequested(c); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// stopRequest stops the container of the request and returns it, or nil if it was not running. The stop continues when
// the client disconnects.
func (h *containerAPI) stopRequest(r *http.Request) (*unit, error) {
	h.containers.mu.Lock()
	c, err := h.containers.find(r.PathValue("id"))
	if err != nil || !c.running() {
		h.containers.mu.Unlock()
		return nil, err
	}
	signal, grace := c.stopSignal(), c.stopGrace()
	h.containers.mu.Unlock()
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
	return c, h.supervisor.stop(c, signal, grace)
}

func (h *containerAPI) kill(w http.ResponseWriter, r *http.Request) error {
	signal := r.URL.Query().Get("signal")
	if signal == "" {
		signal = "SIGKILL"
	}
	h.containers.mu.Lock()
	c, err := h.containers.find(r.PathValue("id"))
	running := err == nil && c.running()
	h.containers.mu.Unlock()
	if err != nil {
		return err
	}
	if !running {
		return conflict("cannot kill container: %s: container %s is not running", r.PathValue("id"), c.id)
	}
	proc, err := h.supervisor.signal(c, signal)
	if err != nil {
		return err
	}
	if number, _ := ParseSignal(signal); number == syscall.SIGKILL && proc != nil {
		if err := h.supervisor.awaitEnd(c, proc); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
