package docker

import (
	"context"
	"errors"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
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
	for {
		known := h.serving != nil
		s, err := h.lookForServing(ctx)
		if errors.Is(err, ErrNotRunning) {
			return nil
		}
		if err != nil || s.Labels[label] == "" {
			return err
		}
		err = h.kill(ctx, s, s.Labels[label])
		if known && (cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err)) {
			h.serving = nil // it is another one by now
			continue
		}
		return err
	}
}

func (h *Host) kill(ctx context.Context, s *serving, signal string) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if _, err := h.engine.ContainerKill(ctx, s.ID, client.ContainerKillOptions{Signal: signal}); err != nil {
		return fmt.Errorf("send %.20q to container %s: %w", signal, title(&s.Summary), err)
	}
	return nil
}
