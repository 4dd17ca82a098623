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

// prune removes the repository's names from all images but the newest. The engine deletes an image when it removes the
// last name.
func (s imageStore) prune(ctx context.Context, repo string, used map[string]bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := s.engine.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	ours := slices.DeleteFunc(list.Items, func(i imagetypes.Summary) bool { return len(namesIn(i, repo)) == 0 })
	slices.SortStableFunc(ours, func(a, b imagetypes.Summary) int { return cmp.Compare(b.Created, a.Created) })
	var failures []error
	for i, image := range ours {
		if i < s.keep || used[image.ID] {
			continue
		}
		for _, name := range namesIn(image, repo) {
			err := s.engine.removeImage(ctx, name)
			if err != nil && !cerrdefs.IsNotFound(err) {
				failures = append(failures, fmt.Errorf("remove image %s: %w", name, err))
			}
		}
	}
	return errors.Join(failures...)
}

// namesIn returns an image's tags in one repository, and then its digests there.
func namesIn(i imagetypes.Summary, repo string) []string {
	var names []string
	for _, name := range slices.Concat(i.RepoTags, i.RepoDigests) {
		if repo != "" && repository(name) == repo {
			names = append(names, name)
		}
	}
	return names
}
