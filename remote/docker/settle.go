package docker

import (
	"context"
	"fmt"
)

// Settle removes the kept container, and the images beyond the newest Spec.Keep that deploys pulled from the repository. It
// never removes an image that a container uses or that has a tag, nor the one that was just replaced. It returns the names
// of the images that it removed.
func (h *Host) Settle(ctx context.Context) (removed []string, err error) {
	defer h.engine.rest() // until the run ends only the connection stays open
	list, err := h.listContainers(ctx)
	if err != nil {
		return nil, err
	}
	if !running(list.current) {
		return nil, fmt.Errorf("%w: the kept container stays", ErrNotRunning)
	}
	used := map[string]bool{}
	for _, s := range list.all {
		used[s.ImageID] = true
	}
	if list.previous != nil {
		if err := h.engine.remove(ctx, list.previous.ID); err != nil {
			return nil, fmt.Errorf("remove %s: %w", h.spec.previous(), err)
		}
	}
	h.swapper.swap = swap{}
	repo, err := h.images.repositoryOf(ctx, list.current)
	if err != nil {
		return nil, err
	}
	return h.images.prune(ctx, repo, used)
}
