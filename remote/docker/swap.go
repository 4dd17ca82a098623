package docker

import (
	"context"
	"fmt"
	"time"

	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
)

// Stop creates the new container, marks on the engine that the old one's stop is
// asked for, and stops it. No old container at all is fine: a first boot may
// have failed.
func (h *Host) Stop(ctx context.Context, r rollout.Release) error {
	if err := r.Validate(); err != nil {
		return err
	}
	h.swap, h.serving = swap{}, nil
	return h.stop(ctx, r)
}

func (h *Host) stop(ctx context.Context, r rollout.Release) error {
	crew, err := h.look(ctx)
	if err != nil {
		return err
	}
	old, err := h.oldOf(ctx, crew)
	if err != nil {
		return err
	}
	if err := h.clear(ctx, crew, old); err != nil {
		return err
	}
	if old == nil {
		err = h.createNext(ctx, r, "")
		h.stopSent = time.Now()
		return err
	}
	kept, err := h.engine.inspect(ctx, old.ID)
	if err != nil {
		return fmt.Errorf("inspect container %s: %w", title(old), err)
	}
	if err := h.createNext(ctx, r, h.restartOf(kept, crew.next)); err != nil {
		return err
	}
	return h.retire(ctx, kept)
}

// oldOf is the container to go back to: the one in service. A kept one beside it
// is stale and goes, unless the one in service does not serve: then that is what
// a dead run left unproven, and the kept one is the better.
func (h *Host) oldOf(ctx context.Context, c crew) (*container.Summary, error) {
	old, stale := c.current, c.previous
	if old == nil || (stale != nil && !h.neverStopped(c) && h.service().healthy(ctx) != nil) {
		old, stale = stale, old
	}
	kept := same(old, c.previous)
	h.swap = swap{stopping: true, renamed: kept, asked: kept}
	if stale == nil {
		return old, nil
	}
	if err := h.engine.remove(ctx, stale.ID); err != nil {
		return nil, fmt.Errorf("remove stale %s: %w", title(stale), err)
	}
	return old, nil
}

// clear removes what would be in the way of the new container's names. A
// container of the service's name that is not the service is in the way too.
func (h *Host) clear(ctx context.Context, c crew, old *container.Summary) error {
	named := c.named(h.spec.Name)
	if same(named, old) || same(named, c.current) {
		named = nil
	}
	if running(named) {
		return fmt.Errorf("container %s runs without publishing port %d, which %s does: stop or rename it", h.spec.Name, h.spec.HostPort, title(old))
	}
	for _, stale := range []*container.Summary{c.next, named} {
		if stale == nil {
			continue
		}
		if err := h.engine.remove(ctx, stale.ID); err != nil {
			return fmt.Errorf("remove stale %s: %w", title(stale), err)
		}
	}
	return nil
}

// restartOf is the policy to restore: a container kept by a dead run lost its
// own to "no", and that run's new container tells what it was.
func (h *Host) restartOf(old container.InspectResponse, next *container.Summary) string {
	if old.Name != "/"+h.spec.previous() || !old.HostConfig.RestartPolicy.IsNone() {
		return formatRestart(old.HostConfig.RestartPolicy)
	}
	if next != nil && next.Labels[h.spec.Label(LabelPreviousRestart)] != "" {
		return next.Labels[h.spec.Label(LabelPreviousRestart)]
	}
	return h.spec.Restart
}

// retire renames the old container first: whoever finds it running under that
// name knows that its stop was asked for. Its restart policy goes next, or the
// engine would bring it back after a reboot.
func (h *Host) retire(ctx context.Context, old container.InspectResponse) error {
	h.renamed = true
	if old.Name != "/"+h.spec.previous() {
		if err := h.engine.rename(ctx, old.ID, h.spec.previous()); err != nil {
			return fmt.Errorf("rename container %s to %s: %w", old.Name[1:], h.spec.previous(), err)
		}
	}
	if !old.HostConfig.RestartPolicy.IsNone() {
		if err := h.engine.setRestart(ctx, old.ID, container.RestartPolicy{Name: container.RestartPolicyDisabled}); err != nil {
			return fmt.Errorf("set restart policy of %s to no: %w", h.spec.previous(), err)
		}
	}
	h.asked, h.stopSent = true, time.Now()
	if stopped(old) {
		return nil
	}
	if err := h.engine.stop(ctx, old.ID, h.spec.StopGrace); err != nil {
		return fmt.Errorf("stop container %s: %w", h.spec.previous(), err)
	}
	return nil
}

// Start starts the new container and gives it the service's name.
func (h *Host) Start(ctx context.Context, r rollout.Release) error {
	h.serving = nil
	return h.start(ctx, r)
}

func (h *Host) start(ctx context.Context, r rollout.Release) error {
	next, err := h.toStart(ctx, r)
	if err != nil {
		return err
	}
	if !running(next) {
		if err := h.engine.start(ctx, next.ID); err != nil {
			return fmt.Errorf("start container %s: %w", title(next), err)
		}
	}
	if title(next) == h.spec.Name {
		return nil
	}
	if err := h.engine.rename(ctx, next.ID, h.spec.Name); err != nil {
		return h.diedOr(ctx, next.ID, fmt.Errorf("rename container %s to %s: %w", title(next), h.spec.Name, err))
	}
	return nil
}

// toStart is the release's container as Stop left it. Where another process
// stopped, the engine tells.
func (h *Host) toStart(ctx context.Context, r rollout.Release) (*container.Summary, error) {
	if h.made(r) {
		return &container.Summary{ID: h.created, Names: []string{"/" + h.spec.next()}, State: container.StateCreated}, nil
	}
	crew, err := h.look(ctx)
	if err != nil {
		return nil, err
	}
	next := crew.next
	if next == nil && crew.current != nil && crew.current.Labels[h.spec.Label(LabelRelease)] == r.Digest() {
		next = crew.current // started before, and the answer was lost
	}
	if next == nil || next.Labels[h.spec.Label(LabelRelease)] != r.Digest() {
		return nil, fmt.Errorf("there is no container %s of this release: stop creates it", h.spec.next())
	}
	return next, nil
}

// made reports whether this process created the release's container.
func (h *Host) made(r rollout.Release) bool { return h.created != "" && h.digest == r.Digest() }

// diedOr is the container's end where that is why a call failed: engine 20.10
// cannot rename one whose network is just going away ("sandbox not found").
func (h *Host) diedOr(ctx context.Context, id string, err error) error {
	if found, inspectErr := h.engine.inspect(ctx, id); inspectErr == nil && (stopped(found) || restarted(found, 0)) {
		return h.exited(ctx, found)
	}
	return err
}
