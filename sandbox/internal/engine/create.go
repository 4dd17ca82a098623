package engine

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/moby/moby/api/types/container"
)

var validName = regexp.MustCompile(`^/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

// create serves POST /containers/create.
func (h *containerAPI) create(w http.ResponseWriter, r *http.Request) error {
	request := container.CreateRequest{Config: &container.Config{}, HostConfig: &container.HostConfig{}}
	if err := readJSON(w, r, &request); err != nil {
		return err
	}
	if request.Config == nil || request.HostConfig == nil {
		return badRequest("Config and HostConfig must not be null")
	}
	name := r.URL.Query().Get("name")
	if name != "" && !validName.MatchString(name) {
		return badRequest("Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	}
	image, err := h.images.find(request.Config.Image)
	if err != nil {
		return err
	}
	c, err := newUnit(image, *request.Config, *request.HostConfig)
	if err != nil {
		return err
	}
	if err := h.supervisor.checkMounts(c); err != nil {
		return err
	}
	if err := h.containers.add(c, strings.TrimPrefix(name, "/")); err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, container.CreateResponse{ID: c.id, Warnings: []string{}})
	return nil
}
