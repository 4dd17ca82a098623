package docker

import (
	"context"
	"fmt"

	"github.com/moby/moby/client"
)

// Drain sends the running container the signal its label names; without a label
// nothing is sent.
func (h *Host) Drain(ctx context.Context) error { return h.signal(ctx, LabelDrain) }

// Undrain takes Drain back, in the same way.
func (h *Host) Undrain(ctx context.Context) error { return h.signal(ctx, LabelUndrain) }

// signal is sent once: a lost answer cannot be read back, and whether it arrived
// shows in the connections.
func (h *Host) signal(ctx context.Context, label string) error {
	crew, err := h.look(ctx)
	if err != nil {
		return err
	}
	found := crew.serving()
	if found == nil || found.Labels[label] == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if _, err := h.engine.ContainerKill(ctx, found.ID, client.ContainerKillOptions{Signal: found.Labels[label]}); err != nil {
		return fmt.Errorf("send %.20q to container %s: %w", found.Labels[label], title(found), err)
	}
	return nil
}
