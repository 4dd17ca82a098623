package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Errors that the registry returns.
var (
	// ErrRepositoryNotFound is returned if no repository has the name.
	ErrRepositoryNotFound = errors.New("repository not found")
	// ErrImageNotFound is returned if the repository has no such tag or digest.
	ErrImageNotFound = errors.New("image not found")
	// ErrImageExists is returned if the image has the tag already.
	ErrImageExists = errors.New("image exists with this tag and digest")
	// ErrBlobNotFound is returned if a manifest names a blob that was not uploaded.
	ErrBlobNotFound = errors.New("blob not found")
	// ErrTagInvalid is returned if the protocol does not allow a tag.
	ErrTagInvalid = errors.New("tag invalid")
	// ErrManifestInvalid is returned if a manifest cannot be read.
	ErrManifestInvalid = errors.New("manifest invalid")
)

// Image is the record of one image.
type Image struct {
	Repository string
	// Digest is sha256:… of Manifest.
	Digest    string
	MediaType string
	Manifest  []byte
	// Tags are sorted. An image whose tags have all moved to others has none.
	Tags []string
	// Pushed is the time of the manifest's first push.
	Pushed time.Time
	// Size is the number of bytes of its layers and its configuration.
	Size int64
}

// validTag is the distribution specification's.
var validTag = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// repository is a repository with its records. The registry's lock guards it.
type repository struct {
	Repository
	images []Image
	tags   map[string]string
}

// manifest has the fields that the registry reads from an image's manifest or an index.
type manifest struct {
	MediaType string       `json:"mediaType"`
	Config    *descriptor  `json:"config"`
	Layers    []descriptor `json:"layers"`
}

type descriptor struct {
	Digest string   `json:"digest"`
	Size   int64    `json:"size"`
	URLs   []string `json:"urls"`
}

// Repositories returns all repositories in the order of the options.
func (r *Registry) Repositories() []Repository {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Repository
	for _, repo := range r.repositories {
		all = append(all, repo.Repository)
	}
	return all
}

// Images returns all images of a repository in the order they were pushed, or
// [ErrRepositoryNotFound].
func (r *Registry) Images(name string) ([]Image, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	repo := r.find(name)
	if repo == nil {
		return nil, fmt.Errorf("list images of %s: %w", name, ErrRepositoryNotFound)
	}
	var images []Image
	for _, image := range repo.images {
		images = append(images, repo.describe(image))
	}
	return images, nil
}

// Image returns the image with a tag or digest, or an error that wraps [ErrRepositoryNotFound] or [ErrImageNotFound].
func (r *Registry) Image(name, reference string) (Image, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	repo := r.find(name)
	if repo == nil {
		return Image{}, fmt.Errorf("find image %s: %w", reference, ErrRepositoryNotFound)
	}
	image, ok := repo.image(reference)
	if !ok {
		return Image{}, fmt.Errorf("find image %s in %s: %w", reference, name, ErrImageNotFound)
	}
	return repo.describe(image), nil
}

// PutManifest stores a manifest, whose blobs must have been uploaded, under its digest and, if tag is not empty, under a
// tag. The error wraps one of the package's.
func (r *Registry) PutManifest(name, tag, mediaType string, content []byte) (Image, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	repo := r.find(name)
	if repo == nil {
		return Image{}, fmt.Errorf("put image: %w", ErrRepositoryNotFound)
	}
	digest := digestOf(content)
	if tag != "" && repo.tags[tag] == digest || tag == "" && repo.has(digest) {
		return Image{}, fmt.Errorf("put image %s in %s: %w", digest, name, ErrImageExists)
	}
	return r.put(repo, tag, mediaType, content)
}

// put stores and records a manifest. The caller holds the lock.
func (r *Registry) put(repo *repository, tag, mediaType string, content []byte) (Image, error) {
	if tag != "" && !validTag.MatchString(tag) {
		return Image{}, fmt.Errorf("tag in %s as %q: %w", repo.Name, tag, ErrTagInvalid)
	}
	parsed, err := r.parse(content)
	if err != nil {
		return Image{}, err
	}
	digest := digestOf(content)
	if mediaType == "" {
		mediaType = parsed.MediaType
	}
	if mediaType == "" {
		return Image{}, fmt.Errorf("%w: neither it nor the request names its media type", ErrManifestInvalid)
	}
	if err := r.putInner(repo.Name, tag, mediaType, content); err != nil {
		return Image{}, err
	}
	if !repo.has(digest) {
		repo.images = append(repo.images, Image{
			Repository: repo.Name,
			Digest:     digest,
			MediaType:  mediaType,
			Manifest:   bytes.Clone(content),
			Pushed:     time.Now(),
			Size:       parsed.size(),
		})
	}
	if tag != "" {
		repo.tags[tag] = digest
	}
	image, _ := repo.image(digest)
	return repo.describe(image), nil
}

// putInner puts the manifest into the registry that serves downloads.
func (r *Registry) putInner(name, tag, mediaType string, content []byte) error {
	reference := tag
	if reference == "" {
		reference = digestOf(content)
	}
	answer := recorder{header: http.Header{}}
	r.inner.ServeHTTP(&answer, &http.Request{
		Method: http.MethodPut,
		URL:    &url.URL{Path: "/v2/" + name + "/manifests/" + reference},
		Header: http.Header{"Content-Type": {mediaType}},
		Body:   io.NopCloser(bytes.NewReader(content)),
	})
	if answer.status != http.StatusCreated {
		return fmt.Errorf("%w: %s", ErrManifestInvalid, strings.TrimSpace(answer.body.String()))
	}
	return nil
}

// recorder holds a response.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// parse parses a manifest and checks that its blobs were uploaded.
func (r *Registry) parse(content []byte) (manifest, error) {
	var m manifest
	if err := json.Unmarshal(content, &m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrManifestInvalid, err)
	}
	for _, d := range m.blobs() {
		if _, ok := r.blobs.lookup(d.Digest); !ok && len(d.URLs) == 0 {
			return m, fmt.Errorf("%w: %s", ErrBlobNotFound, d.Digest)
		}
	}
	return m, nil
}

func (m manifest) blobs() []descriptor {
	if m.Config == nil {
		return m.Layers
	}
	return append([]descriptor{*m.Config}, m.Layers...)
}

func (m manifest) size() int64 {
	var size int64
	for _, d := range m.blobs() {
		size += d.Size
	}
	return size
}

func (r *Registry) find(name string) *repository {
	for _, repo := range r.repositories {
		if repo.Name == name {
			return repo
		}
	}
	return nil
}

func (r *repository) has(digest string) bool {
	_, ok := r.image(digest)
	return ok
}

func (r *repository) image(reference string) (Image, bool) {
	digest := reference
	if tagged, ok := r.tags[reference]; ok {
		digest = tagged
	}
	for _, image := range r.images {
		if image.Digest == digest {
			return image, true
		}
	}
	return Image{}, false
}

// describe returns a copy of a record with the present tags.
func (r *repository) describe(image Image) Image {
	image.Manifest = bytes.Clone(image.Manifest)
	image.Tags = nil
	for tag, digest := range r.tags {
		if digest == image.Digest {
			image.Tags = append(image.Tags, tag)
		}
	}
	slices.Sort(image.Tags)
	return image
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
