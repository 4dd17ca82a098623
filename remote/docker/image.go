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

// release returns the release that a container runs: its image, by digest if the engine has the registry's, and the commit
// that the image was built from.
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

// commit returns the commit that the image names in its environment; empty if it names none. A Dockerfile that was built
// without the build argument writes "unknown".
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

// digestFor returns the image as repository@digest, in the repository of the name that the container uses if the engine
// has a digest there, else in any; empty if the engine has none.
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

// has reports whether the image was pulled as repository@digest.
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

// repository returns the full repository of a reference, for example docker.io/library/nginx of "nginx@sha256:…". It
// returns nothing for a text that is no reference, such as an image's ID.
func repository(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil || strings.HasPrefix(ref, "sha256:") {
		return ""
	}
	return named.Name()
}

// registryOf returns the host that a reference is pulled from.
func registryOf(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	return reference.Domain(named)
}
