package docker

import (
	"context"
	"fmt"
	"time"

	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
)

// swapper replaces the old container by the new one, and puts the old one back.
type swapper struct {
	instance
	env     envFile
	images  imageStore
	service service
	logs    *logReader
	run     string // the run's name, for a label on the containers that it creates; empty: no label

	// before is what the old container showed when Prepare looked; empty: this process has not looked.
	before evidence

	// swap is what only the process that swaps can remember. Another process reads the rest from the engine.
	swap
}

// swap records how far a swap has come in this process.
type swap struct {
	stopping      bool      // Stop has begun
	renamed       bool      // the old container has the name of an old one, or may have it
	stopRequested bool      // the old container's stop was requested, by this process or another
	created       string    // the ID of the container that Stop created
	digest        string    // of the release that it runs
	stopSent      time.Time // when the stop was requested, after which nothing listens
}

// Stop creates the new container, marks the old one on the engine as about to stop, and stops it. It succeeds without an
// old container, because the first boot may have failed.
func (h *Host) Stop(ctx context.Context, r rollout.Release) error {
	if err := r.Validate(); err != nil {
		return err
	}
	h.traffic.forget()
	return h.swapper.stop(ctx, r)
}

func (s *swapper) stop(ctx context.Context, r rollout.Release) error {
	list, err := s.listContainers(ctx)
	if err != nil {
		return err
	}
	created := s.createdBefore(list, r)
	old, err := s.chooseOld(ctx, list)
	if err != nil {
		return err
	}
	if created {
		s.created, s.digest = list.next.ID, r.Digest()
	} else if err := s.replaceNext(ctx, r, list, old); err != nil {
		return err
	}
	if old == nil {
		s.stopSent = time.Now()
		return nil
	}
	return s.stopOld(ctx, old)
}

// createdBefore reports whether an earlier call of Stop in this process created the new container and came too late for
// the rest. That container is kept, because its labels are needed if this process ends.
func (s *swapper) createdBefore(c containers, r rollout.Release) bool {
	return s.createdHere(r) && c.next != nil && c.next.ID == s.created && c.next.State == container.StateCreated
}

// replaceNext creates the new container in the place of one that an earlier run left.
func (s *swapper) replaceNext(ctx context.Context, r rollout.Release, c containers, old *container.Summary) error {
	if err := s.clearNames(ctx, c, old); err != nil {
		return err
	}
	if old == nil {
		return s.createNext(ctx, r, "")
	}
	found, err := s.engine.inspect(ctx, old.ID)
	if err != nil {
		return fmt.Errorf("inspect container %s: %w", title(old), err)
	}
	return s.createNext(ctx, r, s.spec.restartPolicyOf(found, c.fresh(old)))
}

// chooseOld returns the container to go back to, and removes the other one if there are two. Usually that is the one in
// service, and a kept one beside it is stale. If the one in service does not answer, a run that died left it unproven, so
// that the kept one is the better choice.
func (s *swapper) chooseOld(ctx context.Context, c containers) (*container.Summary, error) {
	old, stale := c.current, c.previous
	if old == nil || (stale != nil && !s.neverStopped(c) && s.service.healthy(ctx) != nil) {
		old, stale = stale, old
	}
	kept := same(old, c.previous)
	s.swap = swap{stopping: true, renamed: kept, stopRequested: kept}
	switch {
	case old == nil:
		s.before = noAnswer
	case kept: // Prepare may have looked at the other one
		s.before = s.evidenceBefore(old, c.fresh(old))
	}
	if stale == nil {
		return old, nil
	}
	if err := s.engine.remove(ctx, stale.ID); err != nil {
		return nil, fmt.Errorf("remove stale %s: %w", title(stale), err)
	}
	return old, nil
}

// clearNames removes the containers that have a name which the new container needs, also one that has the service's name
// and is not the service.
func (s *swapper) clearNames(ctx context.Context, c containers, old *container.Summary) error {
	named := c.named(s.spec.Name)
	if same(named, old) || same(named, c.current) {
		named = nil
	}
	if running(named) {
		return fmt.Errorf("container %s runs without publishing port %d, which %s does: stop or rename it", s.spec.Name, s.spec.HostPort, title(old))
	}
	for _, stale := range []*container.Summary{c.next, named} {
		if stale == nil {
			continue
		}
		if err := s.engine.remove(ctx, stale.ID); err != nil {
			return fmt.Errorf("remove stale %s: %w", title(stale), err)
		}
	}
	return nil
}

// restartPolicyOf returns the restart policy to restore when going back. A run that died may have set it to "no" already;
// then a label of that run's new container has the original one.
func (s Spec) restartPolicyOf(old container.InspectResponse, fresh *container.Summary) string {
	if old.Name != "/"+s.previous() || !old.HostConfig.RestartPolicy.IsNone() {
		return formatRestart(old.HostConfig.RestartPolicy)
	}
	if fresh != nil && fresh.Labels[s.Label(LabelPreviousRestart)] != "" {
		return fresh.Labels[s.Label(LabelPreviousRestart)]
	}
	return s.Restart
}

// stopOld renames the old container before it stops it, so that a process which finds it running under that name can tell
// that its stop was requested. It sets the restart policy to "no" in between, because the engine would start the container
// again after a reboot otherwise.
func (s *swapper) stopOld(ctx context.Context, chosen *container.Summary) error {
	old, err := s.engine.inspect(ctx, chosen.ID)
	if err != nil {
		return fmt.Errorf("inspect container %s: %w", title(chosen), err)
	}
	s.renamed = true
	if old.Name != "/"+s.spec.previous() {
		if err := s.engine.rename(ctx, old.ID, s.spec.previous()); err != nil {
			return fmt.Errorf("rename container %s to %s: %w", old.Name[1:], s.spec.previous(), err)
		}
	}
	if !old.HostConfig.RestartPolicy.IsNone() {
		if err := s.engine.setRestart(ctx, old.ID, container.RestartPolicy{Name: container.RestartPolicyDisabled}); err != nil {
			return fmt.Errorf("set restart policy of %s to no: %w", s.spec.previous(), err)
		}
	}
	s.stopRequested, s.stopSent = true, time.Now()
	if stopped(old) {
		return nil
	}
	if err := s.engine.stop(ctx, old.ID, s.spec.StopGrace); err != nil {
		return fmt.Errorf("stop container %s: %w", s.spec.previous(), err)
	}
	return nil
}

// Start starts the new container and gives it the service's name.
func (h *Host) Start(ctx context.Context, r rollout.Release) error {
	h.traffic.forget()
	return h.swapper.start(ctx, r)
}

func (s *swapper) start(ctx context.Context, r rollout.Release) error {
	next, err := s.findNext(ctx, r)
	if err != nil {
		return err
	}
	if !running(next) {
		if err := s.engine.start(ctx, next.ID); err != nil {
			return fmt.Errorf("start container %s: %w", title(next), err)
		}
	}
	if title(next) == s.spec.Name {
		return nil
	}
	if err := s.engine.rename(ctx, next.ID, s.spec.Name); err != nil {
		return s.exitOr(ctx, next.ID, fmt.Errorf("rename container %s to %s: %w", title(next), s.spec.Name, err))
	}
	return nil
}

// findNext returns the release's container as Stop left it. If another process called Stop, it is found by its name.
func (s *swapper) findNext(ctx context.Context, r rollout.Release) (*container.Summary, error) {
	if s.createdHere(r) {
		return &container.Summary{ID: s.created, Names: []string{"/" + s.spec.next()}, State: container.StateCreated}, nil
	}
	list, err := s.listContainers(ctx)
	if err != nil {
		return nil, err
	}
	next := list.next
	if next == nil && list.current != nil && list.current.Labels[s.spec.Label(LabelRelease)] == r.Digest() {
		next = list.current // it was started before, and the answer was lost
	}
	if next == nil || next.Labels[s.spec.Label(LabelRelease)] != r.Digest() {
		return nil, fmt.Errorf("there is no container %s of this release: stop creates it", s.spec.next())
	}
	return next, nil
}

// createdHere reports whether this process created the release's container.
func (s *swapper) createdHere(r rollout.Release) bool {
	return s.created != "" && s.digest == r.Digest()
}

// exitOr returns how the container ended, if that is why a call failed, and err otherwise. Engine 20.10 cannot rename a
// container whose network is just being removed ("sandbox not found").
func (s *swapper) exitOr(ctx context.Context, id string, err error) error {
	if found, inspectErr := s.engine.inspect(ctx, id); inspectErr == nil && (stopped(found) || restarted(found, 0)) {
		return s.logs.exited(ctx, found)
	}
	return err
}
