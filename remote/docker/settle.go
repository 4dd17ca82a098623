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

// Settle removes the kept container and prunes the repository's images beyond
// the newest Spec.Keep. It never removes an image that a container uses, nor the
// one just replaced.
func (h *Host) Settle(ctx context.Context) error {
	return h.settle(ctx)
}

func (h *Host) settle(ctx context.Context) error {
	defer h.engine.rest() // until the run ends only the connection stays open
	crew, err := h.look(ctx)
	if err != nil {
		return err
	}
	if !running(crew.current) {
		return fmt.Errorf("%w: the kept container stays", ErrNotRunning)
	}
	used := map[string]bool{}
	for _, s := range crew.all {
		used[s.ImageID] = true
	}
	if crew.previous != nil {
		if err := h.engine.remove(ctx, crew.previous.ID); err != nil {
			return fmt.Errorf("remove %s: %w", h.spec.previous(), err)
		}
	}
	h.swap = swap{}
	repo, err := h.repositoryOf(ctx, crew.current)
	if err != nil {
		return err
	}
	return h.prune(ctx, repo, used)
}

// repositoryOf is the registry's repository that a container's image is from;
// empty where it was built on the instance.
func (h *Host) repositoryOf(ctx context.Context, s *container.Summary) (string, error) {
	if strings.Contains(s.Image, "@") {
		return repository(s.Image), nil
	}
	found, err := h.engine.inspect(ctx, s.ID)
	if err != nil {
		return "", fmt.Errorf("inspect container %s: %w", title(s), err)
	}
	release, _, err := h.release(ctx, found)
	return repository(release.Image), err
}

// prune takes the repository's names off the images beyond the newest; the
// engine deletes an image with its last name.
func (h *Host) prune(ctx context.Context, repo string, used map[string]bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := h.engine.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	ours := slices.DeleteFunc(list.Items, func(i imagetypes.Summary) bool { return len(namesIn(i, repo)) == 0 })
	slices.SortStableFunc(ours, func(a, b imagetypes.Summary) int { return cmp.Compare(b.Created, a.Created) })
	var failures []error
	for i, image := range ours {
		if i < h.spec.Keep || used[image.ID] {
			continue
		}
		for _, name := range namesIn(image, repo) {
			_, err := h.engine.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
			if err != nil && !cerrdefs.IsNotFound(err) {
				failures = append(failures, fmt.Errorf("remove image %s: %w", name, err))
			}
		}
	}
	return errors.Join(failures...)
}

// namesIn are an image's tags, then its digests, in one repository.
func namesIn(i imagetypes.Summary, repo string) []string {
	var names []string
	for _, name := range slices.Concat(i.RepoTags, i.RepoDigests) {
		if repo != "" && repository(name) == repo {
			names = append(names, name)
		}
	}
	return names
}
