package docker

import (
	"context"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/growl-dev/deploy/rollout"
)

// imageStore is where an instance's engine keeps images.
type imageStore struct {
	engine *engine
	conn   Conn
	// auth returns the registry's user and password; nil: the registry needs none.
	auth func(ctx context.Context) (user, password string, err error)
	// minFree is how many bytes must be free before a pull, keep how many images of a repository are kept.
	minFree int64
	keep    int
}

// release is what a container runs: its image by digest where the engine knows
// the registry's, and the commit the image was built from.
func (s imageStore) release(ctx context.Context, found container.InspectResponse) (rollout.Release, []string, error) {
	image, err := s.inspect(ctx, found.Image)
	if err != nil {
		return rollout.Release{}, nil, fmt.Errorf("inspect image %s: %w", found.Image, err)
	}
	release := rollout.Release{Image: image.digestFor(found.Config.Image), Commit: image.commit()}
	if release.Image == "" {
		release.Tag = found.Config.Image
		return release, []string{fmt.Sprintf("image %s has no registry's digest: it was built on the instance", found.Config.Image)}, nil
	}
	return release, nil, nil
}

// inspect describes an image, by its ID or reference.
func (s imageStore) inspect(ctx context.Context, reference string) (image, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	found, err := s.engine.ImageInspect(ctx, reference)
	return image{found}, err
}

// image is the engine's description of an image.
type image struct{ client.ImageInspectResult }

// commit is the revision the image names in its environment; empty when it
// names none. "unknown" is what a Dockerfile writes that was built without the
// build argument.
func (i image) commit() string {
	if i.Config == nil {
		return ""
	}
	commit := envValue(i.Config.Env, "GIT_COMMIT")
	if commit == "unknown" {
		return ""
	}
	return commit
}

// digestFor is the image as repository@digest: the repository of the name it is
// used by where the engine knows a digest there, else any; empty without one.
func (i image) digestFor(used string) string {
	wanted := repository(used)
	for _, candidate := range i.RepoDigests {
		if wanted != "" && repository(candidate) == wanted {
			return candidate
		}
	}
	if len(i.RepoDigests) == 0 {
		return ""
	}
	return i.RepoDigests[0]
}

// has tells whether the image was pulled as repository@digest.
func (i image) has(ref string) bool {
	_, digest, _ := strings.Cut(ref, "@")
	for _, candidate := range i.RepoDigests {
		_, known, _ := strings.Cut(candidate, "@")
		if known == digest && repository(candidate) == repository(ref) {
			return true
		}
	}
	return false
}

// repository is a reference's full repository: "nginx@sha256:…" is
// docker.io/library/nginx. Empty for what is no reference, such as an image ID.
func repository(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil || strings.HasPrefix(ref, "sha256:") {
		return ""
	}
	return named.Name()
}

// registryOf is the host a reference is pulled from.
func registryOf(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	return reference.Domain(named)
}
