package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// imageRecord is one image of the store.
type imageRecord struct {
	id     string // sha256:… of the config
	config *v1.ConfigFile
	raw    []byte // the config as the registry has it
	size   int64  // bytes of the unpacked files
	order  int    // in which it was pulled, for a stable listing
	layers []v1.Hash
	// refs are the normalized names: repository:tag and repository@digest.
	refs []string
}

// images holds the pulled images: their records in memory and their files under dir.
type images struct {
	dir  string
	pull chan struct{} // holds a token while one pull runs

	mu   sync.Mutex
	byID map[string]*imageRecord
	next int
}

func newImages(dir string) (*images, error) {
	for _, sub := range []string{"layers", "rootfs", "volumes"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o711); err != nil {
			return nil, fmt.Errorf("make the engine's folder: %w", err)
		}
	}
	return &images{dir: dir, pull: make(chan struct{}, 1), byID: map[string]*imageRecord{}}, nil
}

func (s *images) layerFile(digest v1.Hash) string {
	return filepath.Join(s.dir, "layers", digest.Hex+".tar")
}

// rootfs returns the folder with the image's files.
func (s *images) rootfs(id string) string {
	return filepath.Join(s.dir, "rootfs", strings.TrimPrefix(id, "sha256:"))
}

func (s *images) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

func (s *images) bytes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var total uint64
	for _, r := range s.byID {
		total += uint64(r.size)
	}
	return total
}

// all returns copies, newest first.
func (s *images) all() []imageRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []imageRecord
	for _, r := range s.byID {
		list = append(list, r.clone())
	}
	slices.SortFunc(list, func(a, b imageRecord) int { return b.order - a.order })
	return list
}

func (r *imageRecord) clone() imageRecord {
	copied := *r
	copied.refs = slices.Clone(r.refs)
	return copied
}

// find returns the image with this reference, ID or unambiguous beginning of an ID.
func (s *images) find(name string) (imageRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.lookup(name)
	if err != nil {
		return imageRecord{}, err
	}
	return r.clone(), nil
}

// lookup is find for callers that hold mu.
func (s *images) lookup(name string) (*imageRecord, error) {
	if r, ok := s.byID[name]; ok {
		return r, nil
	}
	ref, err := reference.ParseAnyReference(name)
	if err != nil {
		return nil, badRequest("invalid reference format: %q", name)
	}
	if named, ok := ref.(reference.Named); ok {
		want := reference.TagNameOnly(named).String()
		if d, ok := named.(reference.Canonical); ok { // with a tag and a digest the digest counts
			want = d.Name() + "@" + d.Digest().String()
		}
		for _, r := range s.byID {
			if slices.Contains(r.refs, want) {
				return r, nil
			}
		}
	}
	if r := s.byPrefix(name); r != nil {
		return r, nil
	}
	return nil, notFound("No such image: %s", withTag(name))
}

func (s *images) byPrefix(name string) *imageRecord {
	prefix := strings.TrimPrefix(name, "sha256:")
	var found *imageRecord
	for id, r := range s.byID {
		if prefix != "" && strings.HasPrefix(strings.TrimPrefix(id, "sha256:"), prefix) {
			if found != nil {
				return nil
			}
			found = r
		}
	}
	return found
}

func withTag(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(reference.TagNameOnly(named))
}

// add stores the image, or adds the names if it is stored already. A tag moves here from the image that had it.
func (s *images) add(r imageRecord, refs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.byID[r.id]
	if !ok {
		s.next++
		r.order = s.next
		known = &r
		s.byID[r.id] = known
	}
	s.name(known, refs...)
}

// name adds names to the image. The caller holds mu.
func (s *images) name(r *imageRecord, refs ...string) {
	for _, ref := range refs {
		if ref == "" {
			continue
		}
		for _, other := range s.byID {
			if other != r {
				other.refs = slices.DeleteFunc(other.refs, func(o string) bool { return o == ref })
			}
		}
		if !slices.Contains(r.refs, ref) {
			r.refs = append(r.refs, ref)
		}
	}
}

// tags and digests return the image's names of one kind, in the short form of `docker images`.
func (r imageRecord) tags() []string { return r.familiar(false) }

func (r imageRecord) digests() []string { return r.familiar(true) }

func (r imageRecord) familiar(digests bool) []string {
	names := []string{}
	for _, ref := range r.refs {
		if strings.Contains(ref, "@") != digests {
			continue
		}
		if named, err := reference.ParseNormalizedNamed(ref); err == nil {
			names = append(names, reference.FamiliarString(named))
		}
	}
	return names
}
