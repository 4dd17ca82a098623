package engine

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/image"
)

// imageAPI serves the part of the Engine API that is about images.
type imageAPI struct {
	images     *images
	containers *containerSet
	faults     *faults
	transport  http.RoundTripper // to registries
}

func (h *imageAPI) get(w http.ResponseWriter, r *http.Request) error {
	rest := r.PathValue("rest")
	if name, ok := strings.CutSuffix(rest, "/json"); ok {
		return h.inspect(w, name)
	}
	return notFound("page not found")
}

func (h *imageAPI) post(w http.ResponseWriter, r *http.Request) error {
	rest := r.PathValue("rest")
	if name, ok := strings.CutSuffix(rest, "/tag"); ok {
		return h.tag(w, r, name)
	}
	return notFound("page not found")
}

func (h *imageAPI) inspect(w http.ResponseWriter, name string) error {
	r, err := h.images.find(name)
	if err != nil {
		return err
	}
	view := image.InspectResponse{
		ID: r.id, RepoTags: r.tags(), RepoDigests: r.digests(),
		Created: created(r).Format(time.RFC3339Nano), Author: r.config.Author,
		Architecture: r.config.Architecture, Variant: r.config.Variant, Os: r.config.OS, OsVersion: r.config.OSVersion,
		Size: r.size, RootFS: image.RootFS{Type: "layers"},
	}
	for _, diff := range r.config.RootFS.DiffIDs {
		view.RootFS.Layers = append(view.RootFS.Layers, diff.String())
	}
	var raw struct {
		Config json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(r.raw, &raw); err != nil {
		return internal("read the config of image %s: %v", r.id, err)
	}
	if len(raw.Config) > 0 {
		if err := json.Unmarshal(raw.Config, &view.Config); err != nil {
			return internal("read the config of image %s: %v", r.id, err)
		}
	}
	writeJSON(w, http.StatusOK, view)
	return nil
}

func created(r imageRecord) time.Time { return r.config.Created.Time.UTC() }

func (h *imageAPI) tag(w http.ResponseWriter, r *http.Request, name string) error {
	query := r.URL.Query()
	repo, tag := query.Get("repo"), query.Get("tag")
	if tag == "" {
		tag = "latest"
	}
	named, err := reference.ParseNormalizedNamed(repo + ":" + tag)
	if err != nil {
		return badRequest("invalid reference format: %q", repo+":"+tag)
	}
	h.images.mu.Lock()
	defer h.images.mu.Unlock()
	found, err := h.images.lookup(name)
	if err != nil {
		return err
	}
	h.images.name(found, named.String())
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (h *imageAPI) list(w http.ResponseWriter, r *http.Request) error {
	filters, err := parseFilters(r, "reference", "dangling", "label")
	if err != nil {
		return err
	}
	list := []image.Summary{}
	for _, img := range h.images.all() {
		if !imageMatches(filters, img) {
			continue
		}
		list = append(list, image.Summary{
			ID: img.id, RepoTags: img.tags(), RepoDigests: img.digests(), Created: created(img).Unix(),
			Size: img.size, SharedSize: -1, Containers: -1, Labels: img.config.Config.Labels,
		})
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

func imageMatches(f filters, img imageRecord) bool {
	return f.match("dangling", func(v string) bool { return isTrue(v) == (len(img.tags()) == 0) }) &&
		f.matchLabels(img.config.Config.Labels) &&
		f.match("reference", func(pattern string) bool { return matchesReference(pattern, img.refs) })
}

func matchesReference(pattern string, refs []string) bool {
	for _, ref := range refs {
		named, err := reference.ParseNormalizedNamed(ref)
		if err != nil {
			continue
		}
		if ok, err := reference.FamiliarMatch(pattern, named); err == nil && ok {
			return true
		}
	}
	return false
}
