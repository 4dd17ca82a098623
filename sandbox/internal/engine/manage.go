package engine

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
)

func (e *Engine) renameContainer(w http.ResponseWriter, r *http.Request) error {
	name := r.URL.Query().Get("name")
	if !validName.MatchString(name) {
		return badRequest("Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	}
	name = strings.TrimPrefix(name, "/")
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	if c.name == name {
		return badRequest("Renaming a container with the same name as its current name")
	}
	if err := e.nameFree(name); err != nil {
		return err
	}
	c.name = name
	c.touch()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// updateContainer changes the restart policy. Resource limits are taken and do
// nothing, as those given at creation.
func (e *Engine) updateContainer(w http.ResponseWriter, r *http.Request) error {
	var update container.UpdateConfig
	if err := readJSON(w, r, &update); err != nil {
		return err
	}
	policy := update.RestartPolicy
	if err := container.ValidateRestartPolicy(policy); err != nil {
		return badRequest("%v", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	if policy.Name != "" {
		if c.host.AutoRemove && !policy.IsNone() {
			return badRequest("Restart policy cannot be updated because AutoRemove is enabled for the container")
		}
		c.host.RestartPolicy = policy
	}
	writeJSON(w, http.StatusOK, container.UpdateResponse{})
	return nil
}

func (e *Engine) removeContainer(w http.ResponseWriter, r *http.Request) error {
	e.mu.Lock()
	c, err := e.find(r.PathValue("id"))
	if err != nil {
		e.mu.Unlock()
		return err
	}
	if c.running() && !flag(r, "force") {
		defer e.mu.Unlock()
		return conflict("cannot remove container %q: container is running: stop the container before removing or force remove", "/"+c.name)
	}
	e.mu.Unlock()
	if err := e.removeNow(c); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// removeNow kills the container where it runs, and removes it.
func (e *Engine) removeNow(c *unit) error {
	proc, err := e.signal(c, "SIGKILL")
	if err != nil {
		return err
	}
	if proc != nil {
		if err := e.await(e.ctx, c, func() bool { return c.proc != proc }); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.remove(c)
	c.touch()
	return nil
}

// remove is called with mu held.
func (e *Engine) remove(c *unit) {
	c.removed = true
	c.logs.close()
	delete(e.containers, c.id)
}

func (e *Engine) pruneContainers(w http.ResponseWriter, _ *http.Request) error {
	report := container.PruneReport{ContainersDeleted: []string{}}
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, c := range e.containers {
		if !c.running() {
			e.remove(c)
			c.touch()
			report.ContainersDeleted = append(report.ContainersDeleted, id)
		}
	}
	slices.Sort(report.ContainersDeleted)
	writeJSON(w, http.StatusOK, report)
	return nil
}

// waitContainer answers when the condition holds. Its status line is sent at
// once, so that a client knows that it is waited for.
func (e *Engine) waitContainer(w http.ResponseWriter, r *http.Request) error {
	e.mu.Lock()
	c, err := e.find(r.PathValue("id"))
	if err != nil {
		e.mu.Unlock()
		return err
	}
	exits := c.exits
	e.mu.Unlock()
	var met func() bool
	switch container.WaitCondition(r.URL.Query().Get("condition")) {
	case "", container.WaitConditionNotRunning:
		met = func() bool { return !c.running() || c.exits > exits || c.removed }
	case container.WaitConditionNextExit:
		met = func() bool { return c.exits > exits || c.removed }
	case container.WaitConditionRemoved:
		met = func() bool { return c.removed }
	default:
		return badRequest("invalid condition: %q", r.URL.Query().Get("condition"))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // a client that went away ends the context
	return e.answerWait(r.Context(), w, c, met)
}

func (e *Engine) answerWait(ctx context.Context, w http.ResponseWriter, c *unit, met func() bool) error {
	if err := e.await(ctx, c, met); err != nil {
		return nil // nobody waits for the answer any more
	}
	e.mu.Lock()
	response := container.WaitResponse{StatusCode: int64(c.exitCode)}
	e.mu.Unlock()
	_ = json.NewEncoder(w).Encode(response)
	return nil
}
