package docker

import (
	"cmp"
	"context"
	"fmt"
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

// keepServing proves that the old container serves, which was never stopped or has its name again, and then removes the
// new one.
func (s *swapper) keepServing(ctx context.Context, c containers) error {
	if c.current == nil || c.current.ID == s.created {
		if err := s.removeNew(ctx, c.next); err != nil {
			return err
		}
		return ErrNoPrevious
	}
	if err := s.stopNew(ctx, c.next); err != nil {
		return err
	}
	return s.startOld(ctx, c.current, c.next)
}

// evidenceBefore returns what the old container has to show: what it showed before, as a label of the new one says, or as
// Prepare saw it. If neither is known, an old container with its own name was never stopped, or was proven since. Nothing
// is demanded of that, nor of one that no rollout created.
func (s *swapper) evidenceBefore(old, fresh *container.Summary) evidence {
	switch {
	case fresh != nil:
		return cmp.Or(evidence(fresh.Labels[s.spec.Label(LabelPreviousEvidence)]), isHealthy)
	case s.before != "":
		return s.before
	case old.Labels[s.spec.Label(LabelRelease)] == "":
		return noAnswer
	case title(old) == s.spec.previous() || s.spec.replacedNone(old):
		return isHealthy
	}
	return noAnswer
}

// replacedNone reports whether a swap that found no old container created this one, so that it may never have been proven.
func (s Spec) replacedNone(c *container.Summary) bool {
	return c.Labels[s.Label(LabelPreviousEvidence)] != "" && c.Labels[s.Label(LabelPreviousRestart)] == ""
}

// restoreOld stops the new container, waits until the old one has stopped, and starts it under its name with the restart
// policy that it had. Labels of the new container have that policy and what the old one showed before, so that the new one
// is removed last, after the old one is proven. Until then another process can begin again.
func (s *swapper) restoreOld(ctx context.Context, c containers) error {
	fresh := cmp.Or(c.next, c.current)
	if err := s.stopNew(ctx, fresh); err != nil {
		return err
	}
	if !s.stopNotRequested() {
		if err := s.engine.awaitStopped(ctx, c.previous.ID, s.spec.StopGrace+killLag); err != nil {
			return fmt.Errorf("wait for %s to stop: %w", s.spec.previous(), err)
		}
	}
	if err := s.restorePolicy(ctx, c.previous.ID, fresh); err != nil {
		return fmt.Errorf("restore restart policy of %s: %w", s.spec.previous(), err)
	}
	if fresh != nil && !same(fresh, c.next) {
		if err := s.engine.rename(ctx, fresh.ID, s.spec.next()); err != nil {
			return fmt.Errorf("rename new container %s to %s: %w", title(fresh), s.spec.next(), err)
		}
	}
	if err := s.engine.rename(ctx, c.previous.ID, s.spec.Name); err != nil {
		return fmt.Errorf("rename %s back to %s: %w", s.spec.previous(), s.spec.Name, err)
	}
	return s.startOld(ctx, c.previous, fresh)
}

// stopNew stops a new container, to free the port, and keeps the engine from starting it again after a reboot. It changes
// the restart policy last, because the engine cannot update a container that is just ending.
func (s *swapper) stopNew(ctx context.Context, fresh *container.Summary) error {
	if fresh == nil || fresh.State == container.StateRemoving || fresh.State == container.StateDead {
		return nil
	}
	if running(fresh) || fresh.State == container.StateRestarting {
		if err := s.engine.stop(ctx, fresh.ID, shortGrace); err != nil {
			return fmt.Errorf("stop new container %s: %w", title(fresh), err)
		}
	}
	if err := s.engine.setRestart(ctx, fresh.ID, container.RestartPolicy{Name: container.RestartPolicyDisabled}); err != nil {
		return fmt.Errorf("set restart policy of new container %s to no: %w", title(fresh), err)
	}
	return nil
}

func (s *swapper) removeNew(ctx context.Context, fresh *container.Summary) error {
	if fresh == nil {
		return nil
	}
	if err := s.engine.remove(ctx, fresh.ID); err != nil {
		return fmt.Errorf("remove new container %s: %w", title(fresh), err)
	}
	return nil
}

// startOld starts the old container, which has its name again, and proves it. Then it removes the new one.
func (s *swapper) startOld(ctx context.Context, old, fresh *container.Summary) error {
	before := s.evidenceBefore(old, fresh)
	if !running(old) || title(old) == s.spec.previous() {
		if err := s.engine.start(ctx, old.ID); err != nil {
			return fmt.Errorf("start old container %s: %w", s.spec.Name, err)
		}
	}
	if err := s.proveOld(ctx, old.ID, s.spec.Name, before); err != nil {
		return err
	}
	return s.removeNew(ctx, fresh)
}

// stopNotRequested reports whether the old container was renamed and its stop not requested yet, so that it goes on
// running. Only the process that renamed it can tell.
func (s *swapper) stopNotRequested() bool { return s.stopping && s.renamed && !s.stopRequested }

// restorePolicy sets the restart policy that the new container's label has. Without a label a policy other than "no" has
// been restored already; "no" was set by a rollout, and the spec's policy replaces it.
func (s *swapper) restorePolicy(ctx context.Context, id string, fresh *container.Summary) error {
	wanted := ""
	if fresh != nil {
		wanted = fresh.Labels[s.spec.Label(LabelPreviousRestart)]
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
