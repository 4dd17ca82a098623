package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"
)

// Bounds of going back.
const (
	// shortGrace is for a new container that is given up.
	shortGrace = 5 * time.Second
	// killLag is how long after its grace a container is the engine's to kill.
	killLag = 2 * time.Second
	// revertProof is how long the old container may take to answer again.
	revertProof = 5 * time.Minute
	// stopPoll is the time between two looks at a container that is stopping.
	stopPoll = 100 * time.Millisecond
)

// Revert puts the old container back into service and proves it, wherever Stop
// and Start left off, in this process or in one that died. It may be called
// again and again.
func (h *Host) Revert(ctx context.Context) error {
	h.serving = nil
	if err := h.revert(ctx); err != nil {
		return fmt.Errorf("put the old container back: %w", err)
	}
	h.swap = swap{}
	return nil
}

func (h *Host) revert(ctx context.Context) error {
	crew, err := h.look(ctx)
	if err != nil {
		return err
	}
	if crew.previous == nil || h.neverStopped(crew) {
		return h.keepServing(ctx, crew)
	}
	return h.bringBack(ctx, crew)
}

// neverStopped tells that the container in service is the old one, and a kept
// one beside it is of an earlier run: it is not of our making, or the new one
// still has its own name, or our Stop did not come as far as the old one.
func (h *Host) neverStopped(c crew) bool {
	return c.current != nil && (c.current.Labels[h.spec.Label(LabelRelease)] == "" || c.next != nil || (h.stopping && !h.renamed))
}

// keepServing removes the new container and sees that the old one, which was
// never stopped, serves.
func (h *Host) keepServing(ctx context.Context, c crew) error {
	if c.next != nil {
		if err := h.engine.remove(ctx, c.next.ID); err != nil {
			return fmt.Errorf("remove container %s: %w", h.spec.next(), err)
		}
	}
	if c.current == nil || c.current.ID == h.created {
		return ErrNoPrevious
	}
	if !running(c.current) {
		if err := h.engine.start(ctx, c.current.ID); err != nil {
			return fmt.Errorf("start container %s: %w", title(c.current), err)
		}
	}
	return h.proveOld(ctx, c.current.ID, title(c.current))
}

// bringBack stops the new container, waits for the old one's stop to end, and
// starts it under its name with the policy it had. The new one's label tells
// that policy, so it is removed only when the policy is back.
func (h *Host) bringBack(ctx context.Context, c crew) error {
	fresh := slices.DeleteFunc([]*container.Summary{c.next, c.current}, func(s *container.Summary) bool { return s == nil })
	for _, f := range fresh {
		if err := h.giveUp(ctx, f); err != nil {
			return err
		}
	}
	if !h.stopNeverSent() {
		if err := h.awaitStopped(ctx, c.previous.ID); err != nil {
			return fmt.Errorf("wait for %s to stop: %w", h.spec.previous(), err)
		}
	}
	if err := h.restorePolicy(ctx, c.previous.ID, fresh); err != nil {
		return fmt.Errorf("restore restart policy of %s: %w", h.spec.previous(), err)
	}
	for _, f := range fresh {
		if err := h.engine.remove(ctx, f.ID); err != nil {
			return fmt.Errorf("remove new container %s: %w", title(f), err)
		}
	}
	return h.restart(ctx, c.previous.ID)
}

// giveUp stops a new container, so that the port is free.
func (h *Host) giveUp(ctx context.Context, fresh *container.Summary) error {
	if !running(fresh) {
		return nil
	}
	if err := h.engine.stop(ctx, fresh.ID, shortGrace); err != nil {
		return fmt.Errorf("stop new container %s: %w", title(fresh), err)
	}
	return nil
}

// restart gives the old container its name, starts and proves it.
func (h *Host) restart(ctx context.Context, id string) error {
	if err := h.engine.rename(ctx, id, h.spec.Name); err != nil {
		return fmt.Errorf("rename %s back to %s: %w", h.spec.previous(), h.spec.Name, err)
	}
	if err := h.engine.start(ctx, id); err != nil {
		return fmt.Errorf("start old container %s: %w", h.spec.Name, err)
	}
	return h.proveOld(ctx, id, h.spec.Name)
}

// stopNeverSent is what only the process that began the stop can know: the old
// container has its new name, and was not told to stop. It goes on running.
func (h *Host) stopNeverSent() bool { return h.stopping && h.renamed && !h.asked }

// awaitStopped waits for a container whose stop was asked for. Whatever the
// engine says of it, it is about to end: started now, it would still. After its
// grace it is killed.
func (h *Host) awaitStopped(ctx context.Context, id string) error {
	err := h.pollStopped(ctx, id, h.spec.StopGrace+killLag)
	if !errors.Is(err, errStillRuns) {
		return err
	}
	if err := h.engine.kill(ctx, id); err != nil {
		return fmt.Errorf("kill it: %w", err)
	}
	return h.pollStopped(ctx, id, callTimeout)
}

var errStillRuns = errors.New("it still runs")

func (h *Host) pollStopped(ctx context.Context, id string, atMost time.Duration) error {
	deadline := time.After(atMost)
	for {
		found, err := h.engine.inspect(ctx, id)
		if err != nil || stopped(found) {
			return err
		}
		select {
		case <-time.After(stopPoll):
		case <-deadline:
			return errStillRuns
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// restorePolicy sets the policy the new container's label tells. Without a
// label a policy that is not "no" is restored already, and "no" was ours.
func (h *Host) restorePolicy(ctx context.Context, id string, fresh []*container.Summary) error {
	wanted := ""
	for _, f := range fresh {
		if wanted == "" {
			wanted = f.Labels[h.spec.Label(LabelPreviousRestart)]
		}
	}
	old, err := h.engine.inspect(ctx, id)
	if err != nil {
		return err
	}
	if wanted == "" && !old.HostConfig.RestartPolicy.IsNone() {
		return nil
	}
	if wanted == "" {
		wanted = h.spec.Restart
	}
	policy, err := parseRestart(wanted)
	if err != nil {
		return err
	}
	return h.engine.setRestart(ctx, id, policy)
}

// proveOld wants of the old container what it can give: it runs, its health path
// answers, and what its version path says is what its image says.
func (h *Host) proveOld(ctx context.Context, id, name string) error {
	ctx, cancel := context.WithTimeout(ctx, revertProof)
	defer cancel()
	return (&proof{host: h, id: id, name: name, began: time.Now()}).wait(ctx)
}
