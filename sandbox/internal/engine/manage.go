package engine

import (
	"net/http"
	"strings"

	"github.com/moby/moby/api/types/container"
)

func (h *containerAPI) rename(w http.ResponseWriter, r *http.Request) error {
	name := r.URL.Query().Get("name")
	if !validName.MatchString(name) {
		return badRequest("Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	}
	name = strings.TrimPrefix(name, "/")
	h.containers.mu.Lock()
	defer h.containers.mu.Unlock()
	c, err := h.containers.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	if c.name == name {
		return badRequest("Renaming a container with the same name as its current name")
	}
	if err := h.containers.checkName(name); err != nil {
		return err
	}
	c.name = name
	c.touch()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// update changes the restart policy. It accepts resource limits and ignores them, as create does.
func (h *containerAPI) update(w http.ResponseWriter, r *http.Request) error {
	var update container.UpdateConfig
	if err := readJSON(w, r, &update); err != nil {
		return err
	}
	policy := update.RestartPolicy
	if err := container.ValidateRestartPolicy(policy); err != nil {
		return badRequest("%v", err)
	}
	h.containers.mu.Lock()
	defer h.containers.mu.Unlock()
	c, err := h.containers.find(r.PathValue("id"))
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

func (h *containerAPI) remove(w http.ResponseWriter, r *http.Request) error {
	h.containers.mu.Lock()
	c, err := h.containers.find(r.PathValue("id"))
	if err != nil {
		h.containers.mu.Unlock()
		return err
	}
	if c.running() && !flag(r, "force") {
		defer h.containers.mu.Unlock()
		return conflict("cannot remove container %q: container is running: stop the container before removing or force remove", "/"+c.name)
	}
	h.containers.mu.Unlock()
	if err := h.supervisor.killAndDelete(c); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
