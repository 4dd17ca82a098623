package docker

import (
	"context"
	"errors"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/growl-dev/deploy/rollout"
)

// Drain sends the running container the signal that its label names. Without a label it sends nothing.
func (h *Host) Drain(ctx context.Context) error {
	return h.traffic.signal(ctx, h.spec.Label(LabelDrain))
}

// Undrain sends the signal that takes Drain back, in the same way.
func (h *Host) Undrain(ctx context.Context) error {
	return h.traffic.signal(ctx, h.spec.Label(LabelUndrain))
}

// Traffic counts the connections of the container that runs now: those that are open, from the kernel's tables, and
// how many were opened, from the service's own count if it has one, else from the kernel's. Every call reads both anew,
// and fails if it cannot read one of them.
func (h *Host) Traffic(ctx context.Context) (rollout.Traffic, error) { return h.traffic.count(ctx) }

// signal sends a signal to the container that runs, without looking for one that it knows.
func (t *tracker) signal(ctx context.Context, label string) error {
	for {
		known := t.serving != nil
		s, err := t.find(ctx)
		if errors.Is(err, ErrNotRunning) {
			return nil
		}
		if err != nil || s.Labels[label] == "" {
			return err
		}
		err = t.kill(ctx, s, s.Labels[label])
		if known && (cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err)) {
			t.forget() // it is another one by now
			continue
		}
		return err
	}
}

// kill sends a signal, and sends it again if the answer was lost, because nothing shows whether the first one arrived and
// a second one does no harm.
func (t *tracker) kill(ctx context.Context, s *serving, signal string) error {
	err := act(ctx, readTimeout, func(ctx context.Context) error {
		_, err := t.engine.ContainerKill(ctx, s.ID, client.ContainerKillOptions{Signal: signal})
		return err
	}, func(context.Context) bool { return false })
	if err != nil {
		return fmt.Errorf("send %.20q to container %s: %w", signal, title(&s.Summary), err)
	}
	return nil
}
