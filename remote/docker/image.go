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

// release returns the release that a container runs: the digest that it was created from, and the commit that the image was
// built from. A container that was created by a tag may have been created from any of its image's digests: then same lists
// the other ones. Without any digest the release has only a tag, because the image was built on the instance.
func (s imageStore) release(ctx context.Context, found container.InspectResponse) (r rollout.Release, same []string, err error) {
	image, err := s.inspect(ctx, found.Image)
	if err != nil {
		return r, nil, fmt.Errorf("inspect image %s: %w", found.Image, err)
	}
	r.Commit = image.commit()
	if r.Image = pinned(found.Config.Image); r.Image != "" {
		return r, nil, nil
	}
	names := image.digestsFor(found.Config.Image)
	if len(names) == 0 {
		r.Tag = found.Config.Image
		return r, nil, nil
	}
	r.Image = names[0]
	for _, name := range names[1:] {
		same = append(same, rollout.Release{Image: name}.Digest())
	}
	return r, same, nil
}

// pinned returns a reference that has a digest as repository@digest, and nothing for any other one.
func pinned(ref string) string {
	_, digest, found := strings.Cut(ref, "@")
	if repo := repository(ref); found && repo != "" {
		return repo + "@" + digest
	}
	return ""
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

// digestsFor returns the image as repository@digest by each digest that the engine knows in the repository of the name
// that a container uses, or in any repository if it knows none there.
func (i image) digestsFor(used string) []string {
	wanted := repository(used)
	var names []string
	for _, candidate := range i.RepoDigests {
		if wanted != "" && repository(candidate) == wanted {
			names = append(names, candidate)
		}
	}
	if len(names) == 0 {
		return i.RepoDigests
	}
	return names
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
