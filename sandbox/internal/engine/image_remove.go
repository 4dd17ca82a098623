package engine

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/image"
)

func (e *Engine) removeImage(w http.ResponseWriter, r *http.Request) error {
	removed, err := e.dropImage(r.PathValue("name"), flag(r, "force"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, removed)
	return nil
}

// dropImage removes a name of an image, or the image where it was the last, as
// the engine does: by ID only if it has names in one repository at most.
func (e *Engine) dropImage(name string, force bool) ([]image.DeleteResponse, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.images.mu.Lock()
	defer e.images.mu.Unlock()
	r, err := e.images.lookup(name)
	if err != nil {
		return nil, err
	}
	doomed := doomedRefs(r, name)
	byID := len(doomed) == 0
	if byID {
		if len(repositories(r.refs)) > 1 && !force {
			return nil, conflict("conflict: unable to delete %s (must be forced) - image is referenced in multiple repositories", shortID(r.id))
		}
		doomed = slices.Clone(r.refs)
	}
	if last := len(doomed) == len(r.refs); last {
		if err := e.imageFree(r, force); err != nil {
			return nil, err
		}
	}
	return e.images.drop(r, doomed), nil
}

// doomedRefs are the names that go with this one: with the last tag of a
// repository go its digests too. It is empty where name is an ID.
func doomedRefs(r *imageRecord, name string) []string {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil
	}
	want := reference.TagNameOnly(ref).String()
	if !slices.Contains(r.refs, want) {
		return nil
	}
	tagLeft := slices.ContainsFunc(r.refs, func(o string) bool {
		return o != want && !strings.Contains(o, "@") && strings.HasPrefix(o, ref.Name()+":")
	})
	var doomed []string
	for _, o := range r.refs {
		if o == want || (!tagLeft && !strings.Contains(want, "@") && strings.HasPrefix(o, ref.Name()+"@")) {
			doomed = append(doomed, o)
		}
	}
	return doomed
}

func repositories(refs []string) []string {
	var names []string
	for _, o := range refs {
		named, err := reference.ParseNormalizedNamed(o)
		if err == nil && !slices.Contains(names, named.Name()) {
			names = append(names, named.Name())
		}
	}
	return names
}

// imageFree is called with both locks held.
func (e *Engine) imageFree(r *imageRecord, force bool) error {
	for _, c := range e.containers {
		switch {
		case c.image.id != r.id:
		case c.running():
			return conflict("conflict: unable to delete %s (cannot be forced) - image is being used by running container %s", shortID(r.id), c.id[:12])
		case !force:
			return conflict("conflict: unable to delete %s (must be forced) - image is being used by stopped container %s", shortID(r.id), c.id[:12])
		}
	}
	return nil
}

func shortID(id string) string { return strings.TrimPrefix(id, "sha256:")[:12] }

// drop is called with mu held. Files that a stopped container still names are
// gone with the image, as its start will say.
func (s *images) drop(r *imageRecord, doomed []string) []image.DeleteResponse {
	removed := []image.DeleteResponse{}
	for _, ref := range doomed {
		r.refs = slices.DeleteFunc(r.refs, func(o string) bool { return o == ref })
		if named, err := reference.ParseNormalizedNamed(ref); err == nil {
			removed = append(removed, image.DeleteResponse{Untagged: reference.FamiliarString(named)})
		}
	}
	if len(r.refs) > 0 {
		return removed
	}
	delete(s.byID, r.id)
	// What cannot be removed goes with the instance's folder.
	_ = os.RemoveAll(s.rootfs(r.id))
	removed = append(removed, image.DeleteResponse{Deleted: r.id})
	return append(removed, s.dropLayers(r)...)
}

// dropLayers removes the layers that no other image has.
func (s *images) dropLayers(r *imageRecord) []image.DeleteResponse {
	var removed []image.DeleteResponse
	for i, digest := range r.layers {
		used := false
		for _, other := range s.byID {
			used = used || slices.Contains(other.layers, digest)
		}
		if !used {
			_ = os.Remove(s.layerFile(digest))
			removed = append(removed, image.DeleteResponse{Deleted: r.config.RootFS.DiffIDs[i].String()})
		}
	}
	return removed
}

// pruneImages removes images that no container uses: those without a tag, or
// all with the filter dangling=false. One that was pulled by digest has no tag.
func (e *Engine) pruneImages(w http.ResponseWriter, r *http.Request) error {
	f, err := parseFilters(r, "dangling", "until", "label")
	if err != nil {
		return err
	}
	until, err := f.until(time.Now())
	if err != nil {
		return err
	}
	all := !f.match("dangling", isTrue)
	report := struct {
		ImagesDeleted  []image.DeleteResponse
		SpaceReclaimed int64
	}{}
	for _, img := range e.images.all() {
		if (!all && len(img.tags()) > 0) || !f.matchLabels(img.config.Config.Labels) || created(img).After(until) || e.used(img.id) {
			continue
		}
		removed, err := e.dropImage(img.id, true)
		if err != nil {
			continue // a container took it meanwhile
		}
		report.ImagesDeleted = append(report.ImagesDeleted, removed...)
		report.SpaceReclaimed += img.size
	}
	writeJSON(w, http.StatusOK, report)
	return nil
}

func (e *Engine) used(imageID string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.containers {
		if c.image.id == imageID {
			return true
		}
	}
	return false
}
