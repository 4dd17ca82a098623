package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	imagetypes "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// repositoryOf returns the registry's repository of a container's image; empty if the image was built on the instance.
func (s imageStore) repositoryOf(ctx context.Context, c *container.Summary) (string, error) {
	if strings.Contains(c.Image, "@") {
		return repository(c.Image), nil
	}
	found, err := s.engine.inspect(ctx, c.ID)
	if err != nil {
		return "", fmt.Errorf("inspect container %s: %w", title(c), err)
	}
	release, _, err := s.release(ctx, found)
	return repository(release.Image), err
}

// prune removes the repository's images beyond the newest, and returns their names. It leaves an image with a tag, because a
// deploy pulls by digest, so that somebody else has pulled or built that one. The engine deletes an image when it removes the
// last name.
func (s imageStore) prune(ctx context.Context, repo string, used map[string]bool) (removed []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := s.engine.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	pulled := slices.DeleteFunc(list.Items, func(i imagetypes.Summary) bool { return len(digestsIn(i, repo)) == 0 })
	slices.SortStableFunc(pulled, func(a, b imagetypes.Summary) int { return cmp.Compare(b.Created, a.Created) })
	var failures []error
	for i, image := range pulled {
		if i < s.keep || used[image.ID] {
			continue
		}
		for _, name := range digestsIn(image, repo) {
			err := s.engine.removeImage(ctx, name)
			switch {
			case err == nil:
				removed = append(removed, name)
			case !cerrdefs.IsNotFound(err):
				failures = append(failures, fmt.Errorf("remove image %s: %w", name, err))
			}
		}
	}
	return removed, errors.Join(failures...)
}

// digestsIn returns an image's digests in one repository; none if the image has a tag. Engines before 25 list a tag of
// their own for an image without one.
func digestsIn(i imagetypes.Summary, repo string) []string {
	if repo == "" || slices.ContainsFunc(i.RepoTags, func(tag string) bool { return tag != "<none>:<none>" }) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(i.RepoDigests), func(name string) bool { return repository(name) != repo })
}
