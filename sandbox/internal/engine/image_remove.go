package engine

import (
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/image"
)

func (h *imageAPI) remove(w http.ResponseWriter, r *http.Request) error {
	removed, err := h.delete(r.PathValue("name"), flag(r, "force"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, removed)
	return nil
}

// delete removes a name of an image, and the image with its last name. As in Docker, an image can be removed by its ID
// only if its names are in one repository.
func (h *imageAPI) delete(name string, force bool) ([]image.DeleteResponse, error) {
	h.containers.mu.Lock()
	defer h.containers.mu.Unlock()
	h.images.mu.Lock()
	defer h.images.mu.Unlock()
	r, err := h.images.lookup(name)
	if err != nil {
		return nil, err
	}
	refs := refsToDelete(r, name)
	byID := len(refs) == 0
	if byID {
		if len(repositories(r.refs)) > 1 && !force {
			return nil, conflict("conflict: unable to delete %s (must be forced) - image is referenced in multiple repositories", shortID(r.id))
		}
		refs = slices.Clone(r.refs)
	}
	if last := len(refs) == len(r.refs); last {
		if err := h.containers.checkImageUnused(r, force); err != nil {
			return nil, err
		}
	}
	return h.images.drop(r, refs), nil
}

// refsToDelete returns the names that are removed together with this one: the last tag of a repository takes the
// repository's digests with it. The result is empty if name is an ID.
func refsToDelete(r *imageRecord, name string) []string {
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
	var refs []string
	for _, o := range r.refs {
		if o == want || (!tagLeft && !strings.Contains(want, "@") && strings.HasPrefix(o, ref.Name()+"@")) {
			refs = append(refs, o)
		}
	}
	return refs
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

func shortID(id string) string { return strings.TrimPrefix(id, "sha256:")[:12] }

// drop removes names of the image, and with the last name its files. A stopped container that uses them fails when it is
// started. The caller holds mu.
func (s *images) drop(r *imageRecord, refs []string) []image.DeleteResponse {
	removed := []image.DeleteResponse{}
	for _, ref := range refs {
		r.refs = slices.DeleteFunc(r.refs, func(o string) bool { return o == ref })
		if named, err := reference.ParseNormalizedNamed(ref); err == nil {
			removed = append(removed, image.DeleteResponse{Untagged: reference.FamiliarString(named)})
		}
	}
	if len(r.refs) > 0 {
		return removed
	}
	delete(s.byID, r.id)
	// An error is ignored, because the rest is removed with the instance's folder.
	_ = os.RemoveAll(s.rootfs(r.id))
	removed = append(removed, image.DeleteResponse{Deleted: r.id})
	return append(removed, s.dropLayers(r)...)
}

// dropLayers removes the layers that no other image has. The caller holds mu.
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

// prune removes images that no container uses: those without a tag, or all if the filter is dangling=false. An image
// that was pulled by its digest has no tag.
func (h *imageAPI) prune(w http.ResponseWriter, r *http.Request) error {
	f, err := parseFilters(r, "dangling")
	if err != nil {
		return err
	}
	all := !f.match("dangling", isTrue)
	report := struct {
		ImagesDeleted  []image.DeleteResponse
		SpaceReclaimed int64
	}{}
	for _, img := range h.images.all() {
		if (!all && len(img.tags()) > 0) || h.containers.usesImage(img.id) {
			continue
		}
		removed, err := h.delete(img.id, true)
		if err != nil {
			continue // a container was made from it meanwhile
		}
		report.ImagesDeleted = append(report.ImagesDeleted, removed...)
		report.SpaceReclaimed += img.size
	}
	writeJSON(w, http.StatusOK, report)
	return nil
}
