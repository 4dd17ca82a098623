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
func (h *Host) Drain(ctx context.Context) error { return h.signal(ctx, h.spec.Label(LabelDrain)) }

// Undrain takes Drain back, in the same way.
func (h *Host) Undrain(ctx context.Context) error { return h.signal(ctx, h.spec.Label(LabelUndrain)) }

// signal asks the engine without looking for a container that is known.
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

// kill sends a signal, and sends it again when the answer was lost: nothing tells
// whether it arrived, and a second one says the same.
func (h *Host) kill(ctx context.Context, s *serving, signal string) error {
	err := act(ctx, readTimeout, func(ctx context.Context) error {
		_, err := h.engine.ContainerKill(ctx, s.ID, client.ContainerKillOptions{Signal: signal})
		return err
	}, func(context.Context) bool { return false })
	if err != nil {
		return fmt.Errorf("send %.20q to container %s: %w", signal, title(&s.Summary), err)
	}
	return nil
}
