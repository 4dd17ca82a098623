package docker

import (
	"context"
	"fmt"
)

// Settle removes the kept container, and the repository's images beyond the newest Spec.Keep. It never removes an image
// that a container uses, nor the one that was just replaced.
func (h *Host) Settle(ctx context.Context) error {
	defer h.engine.rest() // until the run ends only the connection stays open
	list, err := h.listContainers(ctx)
	if err != nil {
		return err
	}
	if !running(list.current) {
		return fmt.Errorf("%w: the kept container stays", ErrNotRunning)
	}
	used := map[string]bool{}
	for _, s := range list.all {
		used[s.ImageID] = true
	}
	if list.previous != nil {
		if err := h.engine.remove(ctx, list.previous.ID); err != nil {
			return fmt.Errorf("remove %s: %w", h.spec.previous(), err)
		}
	}
	h.swapper.swap = swap{}
	repo, err := h.images.repositoryOf(ctx, list.current)
	if err != nil {
		return err
	}
	return h.images.prune(ctx, repo, used)
}
