package docker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"
)

// Time limits of going back.
const (
	// shortGrace is how long a new container may take to stop when it is given up.
	shortGrace = 5 * time.Second
	// killLag is how long the engine may take to kill a container after its grace.
	killLag = 2 * time.Second
	// revertProof is how long the old container may take to answer again.
	revertProof = 5 * time.Minute
	// stopPoll is the interval at which a stopping container is inspected.
	stopPoll = 100 * time.Millisecond
)

// Revert puts the old container back into service and proves it, wherever Stop and Start left off, in this process or in
// one that died. It may be called repeatedly.
func (h *Host) Revert(ctx context.Context) error {
	h.traffic.forget()
	if err := h.swapper.revert(ctx); err != nil {
		return fmt.Errorf("put the old container back: %w", err)
	}
	h.swapper.swap = swap{}
	return nil
}

func (s *swapper) revert(ctx context.Context) error {
	list, err := s.listContainers(ctx)
	if err != nil {
		return err
	}
	if list.previous == nil || s.neverStopped(list) {
		return s.keepServing(ctx, list)
	}
	return s.restoreOld(ctx, list)
}

// neverStopped reports whether the container in service is the old one, so that a kept one beside it is of an earlier run.
// That is so if no rollout created it, if the new one still has its own name, or if Stop in this process did not get as
// far as the old one.
func (s *swapper) neverStopped(c containers) bool {
	return c.current != nil && (c.current.Labels[s.spec.Label(LabelRelease)] == "" || c.next != nil || (s.stopping && !s.renamed))
}

// keepServing removes the new container and proves that the old one, which was never stopped, serves.
func (s *swapper) keepServing(ctx context.Context, c containers) error {
	before := s.evidenceBefore(c.current, c.next)
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
	return s.proveOld(ctx, c.current.ID, title(c.current), before)
}

// evidenceBefore returns what the old container has to show: what it showed before, as a label of the new one says, or as
// Prepare saw it. If neither is known, nothing is demanded of an old container that no rollout created, because it was never
// stopped, or has been started again.
func (s *swapper) evidenceBefore(old, fresh *container.Summary) evidence {
	switch {
	case fresh != nil:
		return cmp.Or(evidence(fresh.Labels[s.spec.Label(LabelPreviousEvidence)]), isHealthy)
	case s.before != "":
		return s.before
	case old != nil && old.Labels[s.spec.Label(LabelRelease)] == "":
		return noAnswer
	}
	return isHealthy
}

// restoreOld stops the new container, waits until the old one has stopped, and starts it under its name with the restart
// policy that it had. A label of the new container has that policy, so that the new one is removed only after the policy
// is restored.
func (s *swapper) restoreOld(ctx context.Context, c containers) error {
	fresh := slices.DeleteFunc([]*container.Summary{c.next, c.current}, func(s *container.Summary) bool { return s == nil })
	for _, f := range fresh {
		if err := s.stopNew(ctx, f); err != nil {
			return err
		}
	}
	if !s.stopNotRequested() {
		if err := s.engine.awaitStopped(ctx, c.previous.ID, s.spec.StopGrace+killLag); err != nil {
			return fmt.Errorf("wait for %s to stop: %w", s.spec.previous(), err)
		}
	}
	if err := s.restorePolicy(ctx, c.previous.ID, fresh); err != nil {
		return fmt.Errorf("restore restart policy of %s: %w", s.spec.previous(), err)
	}
	before := s.evidenceBefore(c.previous, cmp.Or(c.next, c.current))
	for _, f := range fresh {
		if err := s.engine.remove(ctx, f.ID); err != nil {
			return fmt.Errorf("remove new container %s: %w", title(f), err)
		}
	}
	return s.restartOld(ctx, c.previous.ID, before)
}

// stopNew stops a new container, to free the port.
func (s *swapper) stopNew(ctx context.Context, fresh *container.Summary) error {
	if !running(fresh) {
		return nil
	}
	if err := s.engine.stop(ctx, fresh.ID, shortGrace); err != nil {
		return fmt.Errorf("stop new container %s: %w", title(fresh), err)
	}
	return nil
}

// restartOld gives the old container its name, starts and proves it.
func (s *swapper) restartOld(ctx context.Context, id string, before evidence) error {
	if err := s.engine.rename(ctx, id, s.spec.Name); err != nil {
		return fmt.Errorf("rename %s back to %s: %w", s.spec.previous(), s.spec.Name, err)
	}
	if err := s.engine.start(ctx, id); err != nil {
		return fmt.Errorf("start old container %s: %w", s.spec.Name, err)
	}
	return s.proveOld(ctx, id, s.spec.Name, before)
}

// stopNotRequested reports whether the old container was renamed and its stop not requested yet, so that it goes on
// running. Only the process that renamed it can tell.
func (s *swapper) stopNotRequested() bool { return s.stopping && s.renamed && !s.stopRequested }

// restorePolicy sets the restart policy that the new container's label has. Without a label a policy other than "no" has
// been restored already; "no" was set by a rollout, and the spec's policy replaces it.
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

// proveOld waits until the old container runs and shows what it showed before, because that was true before it was stopped.
func (s *swapper) proveOld(ctx context.Context, id, name string, before evidence) error {
	if before == noAnswer {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, revertProof)
	defer cancel()
	found, err := s.engine.inspect(ctx, id)
	if err != nil {
		return fmt.Errorf("inspect container %s: %w", name, err)
	}
	return (&proof{swapper: s, id: id, name: name, before: before, service: s.service.of(found), began: time.Now()}).wait(ctx)
}
