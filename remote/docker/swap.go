package docker

import (
	"context"
	"fmt"
	"time"

	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
)

// swapper exchanges the service's containers, and goes back.
type swapper struct {
	containers
	env     envFile
	images  imageStore
	service service
	logs    *logReader
	run     string // for a label on the containers that it creates; empty: none

	// What this process knows of its own swap; another process reads the rest from the engine.
	swap
}

// swap is how far a swap came in this process.
type swap struct {
	stopping bool      // Stop began
	renamed  bool      // the old container bears the name of one, or may
	asked    bool      // the old container's stop was asked for, by whomever
	created  string    // the container Stop created
	digest   string    // of the release that it runs
	stopSent time.Time // when nothing was to listen any more
}

// Stop creates the new container, marks on the engine that the old one's stop is
// asked for, and stops it. No old container at all is fine: a first boot may
// have failed.
func (h *Host) Stop(ctx context.Context, r rollout.Release) error {
	if err := r.Validate(); err != nil {
		return err
	}
	h.traffic.forget()
	return h.swapper.stop(ctx, r)
}

func (s *swapper) stop(ctx context.Context, r rollout.Release) error {
	s.swap = swap{}
	crew, err := s.look(ctx)
	if err != nil {
		return err
	}
	old, err := s.oldOf(ctx, crew)
	if err != nil {
		return err
	}
	if err := s.clear(ctx, crew, old); err != nil {
		return err
	}
	if old == nil {
		err = s.createNext(ctx, r, "")
		s.stopSent = time.Now()
		return err
	}
	kept, err := s.engine.inspect(ctx, old.ID)
	if err != nil {
		return fmt.Errorf("inspect container %s: %w", title(old), err)
	}
	if err := s.createNext(ctx, r, s.restartOf(kept, crew.next)); err != nil {
		return err
	}
	return s.retire(ctx, kept)
}

// oldOf is the container to go back to: the one in service. A kept one beside it
// is stale and goes, unless the one in service does not serve: then that is what
// a dead run left unproven, and the kept one is the better.
func (s *swapper) oldOf(ctx context.Context, c crew) (*container.Summary, error) {
	old, stale := c.current, c.previous
	if old == nil || (stale != nil && !s.neverStopped(c) && s.service.healthy(ctx) != nil) {
		old, stale = stale, old
	}
	kept := same(old, c.previous)
	s.swap = swap{stopping: true, renamed: kept, asked: kept}
	if stale == nil {
		return old, nil
	}
	if err := s.engine.remove(ctx, stale.ID); err != nil {
		return nil, fmt.Errorf("remove stale %s: %w", title(stale), err)
	}
	return old, nil
}

// clear removes what would be in the way of the new container's names. A
// container of the service's name that is not the service is in the way too.
func (s *swapper) clear(ctx context.Context, c crew, old *container.Summary) error {
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

// restartOf is the policy to restore: a container kept by a dead run lost its
// own to "no", and that run's new container tells what it was.
func (s *swapper) restartOf(old container.InspectResponse, next *container.Summary) string {
	if old.Name != "/"+s.spec.previous() || !old.HostConfig.RestartPolicy.IsNone() {
		return formatRestart(old.HostConfig.RestartPolicy)
	}
	if next != nil && next.Labels[s.spec.Label(LabelPreviousRestart)] != "" {
		return next.Labels[s.spec.Label(LabelPreviousRestart)]
	}
	return s.spec.Restart
}

// retire renames the old container first: whoever finds it running under that
// name knows that its stop was asked for. Its restart policy goes next, or the
// engine would bring it back after a reboot.
func (s *swapper) retire(ctx context.Context, old container.InspectResponse) error {
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
	s.asked, s.stopSent = true, time.Now()
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
	next, err := s.toStart(ctx, r)
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
		return s.diedOr(ctx, next.ID, fmt.Errorf("rename container %s to %s: %w", title(next), s.spec.Name, err))
	}
	return nil
}

// toStart is the release's container as Stop left it. Where another process
// stopped, the engine tells.
func (s *swapper) toStart(ctx context.Context, r rollout.Release) (*container.Summary, error) {
	if s.made(r) {
		return &container.Summary{ID: s.created, Names: []string{"/" + s.spec.next()}, State: container.StateCreated}, nil
	}
	crew, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	next := crew.next
	if next == nil && crew.current != nil && crew.current.Labels[s.spec.Label(LabelRelease)] == r.Digest() {
		next = crew.current // started before, and the answer was lost
	}
	if next == nil || next.Labels[s.spec.Label(LabelRelease)] != r.Digest() {
		return nil, fmt.Errorf("there is no container %s of this release: stop creates it", s.spec.next())
	}
	return next, nil
}

// made reports whether this process created the release's container.
func (s *swapper) made(r rollout.Release) bool { return s.created != "" && s.digest == r.Digest() }

// diedOr is the container's end where that is why a call failed: engine 20.10
// cannot rename one whose network is just going away ("sandbox not found").
func (s *swapper) diedOr(ctx context.Context, id string, err error) error {
	if found, inspectErr := s.engine.inspect(ctx, id); inspectErr == nil && (stopped(found) || restarted(found, 0)) {
		return s.logs.exited(ctx, found)
	}
	return err
}
