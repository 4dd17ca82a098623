package docker

import (
	"context"
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
	h.traffic.forget()
	if err := h.swapper.revert(ctx); err != nil {
		return fmt.Errorf("put the old container back: %w", err)
	}
	h.swapper.swap = swap{}
	return nil
}

func (s *swapper) revert(ctx context.Context) error {
	crew, err := s.look(ctx)
	if err != nil {
		return err
	}
	if crew.previous == nil || s.neverStopped(crew) {
		return s.keepServing(ctx, crew)
	}
	return s.bringBack(ctx, crew)
}

// neverStopped tells that the container in service is the old one, and a kept
// one beside it is of an earlier run: it is not of our making, or the new one
// still has its own name, or our Stop did not come as far as the old one.
func (s *swapper) neverStopped(c crew) bool {
	return c.current != nil && (c.current.Labels[s.spec.Label(LabelRelease)] == "" || c.next != nil || (s.stopping && !s.renamed))
}

// keepServing removes the new container and sees that the old one, which was
// never stopped, serves.
func (s *swapper) keepServing(ctx context.Context, c crew) error {
	if c.next != nil {
		if err := s.engine.remove(ctx, c.next.ID); err != nil {
			return fmt.Errorf("remove container %s: %w", s.spec.next(), err)
		}
	}
	if c.current == nil || c.current.ID == s.created {
		return ErrNoPrevious
	}
	if !running(c.current) {
		if err := s.engine.start(ctx, c.current.ID); err != nil {
			return fmt.Errorf("start container %s: %w", title(c.current), err)
		}
	}
	return s.proveOld(ctx, c.current.ID, title(c.current))
}

// bringBack stops the new container, waits for the old one's stop to end, and
// starts it under its name with the policy it had. The new one's label tells
// that policy, so it is removed only when the policy is back.
func (s *swapper) bringBack(ctx context.Context, c crew) error {
	fresh := slices.DeleteFunc([]*container.Summary{c.next, c.current}, func(s *container.Summary) bool { return s == nil })
	for _, f := range fresh {
		if err := s.giveUp(ctx, f); err != nil {
			return err
		}
	}
	if !s.stopNeverSent() {
		if err := s.engine.awaitStopped(ctx, c.previous.ID, s.spec.StopGrace+killLag); err != nil {
			return fmt.Errorf("wait for %s to stop: %w", s.spec.previous(), err)
		}
	}
	if err := s.restorePolicy(ctx, c.previous.ID, fresh); err != nil {
		return fmt.Errorf("restore restart policy of %s: %w", s.spec.previous(), err)
	}
	for _, f := range fresh {
		if err := s.engine.remove(ctx, f.ID); err != nil {
			return fmt.Errorf("remove new container %s: %w", title(f), err)
		}
	}
	return s.restart(ctx, c.previous.ID)
}

// giveUp stops a new container, so that the port is free.
func (s *swapper) giveUp(ctx context.Context, fresh *container.Summary) error {
	if !running(fresh) {
		return nil
	}
	if err := s.engine.stop(ctx, fresh.ID, shortGrace); err != nil {
		return fmt.Errorf("stop new container %s: %w", title(fresh), err)
	}
	return nil
}

// restart gives the old container its name, starts and proves it.
func (s *swapper) restart(ctx context.Context, id string) error {
	if err := s.engine.rename(ctx, id, s.spec.Name); err != nil {
		return fmt.Errorf("rename %s back to %s: %w", s.spec.previous(), s.spec.Name, err)
	}
	if err := s.engine.start(ctx, id); err != nil {
		return fmt.Errorf("start old container %s: %w", s.spec.Name, err)
	}
	return s.proveOld(ctx, id, s.spec.Name)
}

// stopNeverSent is what only the process that began the stop can know: the old
// container has its new name, and was not told to stop. It goes on running.
func (s *swapper) stopNeverSent() bool { return s.stopping && s.renamed && !s.asked }

// restorePolicy sets the policy the new container's label tells. Without a
// label a policy that is not "no" is restored already, and "no" was ours.
func (s *swapper) restorePolicy(ctx context.Context, id string, fresh []*container.Summary) error {
	wanted := ""
	for _, f := range fresh {
		if wanted == "" {
			wanted = f.Labels[s.spec.Label(LabelPreviousRestart)]
		}
	}
	old, err := s.engine.inspect(ctx, id)
	if err != nil {
		return err
	}
	if wanted == "" && !old.HostConfig.RestartPolicy.IsNone() {
		return nil
	}
	if wanted == "" {
		wanted = s.spec.Restart
	}
	policy, err := parseRestart(wanted)
	if err != nil {
		return err
	}
	return s.engine.setRestart(ctx, id, policy)
}

// proveOld wants of the old container what it can give: it runs, its health path
// answers, and what its version path says is what its image says.
func (s *swapper) proveOld(ctx context.Context, id, name string) error {
	ctx, cancel := context.WithTimeout(ctx, revertProof)
	defer cancel()
	return (&proof{swapper: s, id: id, name: name, began: time.Now()}).wait(ctx)
}
