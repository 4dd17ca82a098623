package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/system"
)

// Prepare checks everything that the swap will need and pulls the release by its digest, while the old container goes on
// serving. It removes a container of an earlier run, by its ID and without an intent, because Revert would put that one back
// if the run ended before Stop.
func (h *Host) Prepare(ctx context.Context, r rollout.Release, progress func(rollout.Progress)) error {
	// Only the SSH connection stays open, because it may be long until this instance's turn.
	defer h.engine.rest()
	info, leftover, err := h.ready(ctx, r)
	if err != nil {
		return err
	}
	if leftover != nil {
		if err := h.engine.remove(ctx, leftover.ID); err != nil {
			return fmt.Errorf("remove %s of an earlier run: %w", h.spec.previous(), err)
		}
	}
	return h.images.ensure(ctx, r, info, progress)
}

// Check makes the checks of Prepare and changes nothing. An image that is not on the instance is not pulled: the
// engine reads at the registry that it is there, and what it is built for. The commit that it was built from is
// known only after a pull.
func (h *Host) Check(ctx context.Context, r rollout.Release) error {
	defer h.engine.rest()
	info, _, err := h.ready(ctx, r)
	if err != nil {
		return err
	}
	there, err := h.images.has(ctx, r, info)
	if err != nil || there {
		return err
	}
	return h.images.checkRegistry(ctx, r, info)
}

// ready makes the checks that Prepare and Check have in common. leftover is the container of an earlier run that
// Prepare removes; nil if there is none.
func (h *Host) ready(ctx context.Context, r rollout.Release) (info system.Info, leftover *container.Summary, err error) {
	if err := r.Validate(); err != nil {
		return info, nil, err
	}
	if info, err = h.engine.info(ctx); err != nil {
		return info, nil, fmt.Errorf("ask the engine: %w", err)
	}
	if leftover, err = h.checkOld(ctx); err != nil {
		return info, nil, err
	}
	if _, err := h.env.read(ctx); err != nil {
		return info, nil, err
	}
	if err := h.service.checkForwarding(ctx); err != nil {
		return info, nil, err
	}
	return info, leftover, h.checkMounts(ctx)
}

// checkOld checks that the old container could be put back, and notes what it shows now, because it counts as put back when
// it shows that again. It returns the container that an earlier run kept beside it, if that run failed to settle, because it
// would be mistaken for the old one.
func (h *Host) checkOld(ctx context.Context) (leftover *container.Summary, err error) {
	list, err := h.listContainers(ctx)
	if err == nil && list.serving() == nil {
		err = h.checkPort(ctx, list)
	}
	h.swapper.before = noAnswer
	if err != nil || !running(list.current) {
		return nil, err
	}
	found, err := h.engine.inspect(ctx, list.current.ID)
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: %w", title(list.current), err)
	}
	if found.HostConfig.AutoRemove {
		return nil, fmt.Errorf("container %s was started with --rm and could not be put back: start it again without", title(list.current))
	}
	h.swapper.before, _ = h.service.of(found).evidence(ctx)
	if list.previous == nil || (!h.swapper.neverStopped(list) && h.service.healthy(ctx) != nil) {
		return nil, nil
	}
	return list.previous, nil
}

// checkPort refuses an instance on which no container of the service runs and on which something answers on the
// service's port all the same: the new container could not have the port, and what has it could not be put back.
func (h *Host) checkPort(ctx context.Context, c containers) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if h.conn.Exchange(ctx, h.service.address(), func(io.ReadWriter) error { return nil }) != nil {
		return nil
	}
	found := h.spec.noneFound()
	if c.current != nil {
		found = fmt.Sprintf("container %s does not run", title(c.current))
	}
	return fmt.Errorf("%w: port %d answers, and %s%s", ErrPort, h.spec.HostPort, found, nameWhatRuns)
}

// checkMounts checks that the source of each bind mount exists, because without it neither the new container would start
// nor the old one again.
func (h *Host) checkMounts(ctx context.Context) error {
	for _, m := range h.spec.Mounts {
		_, err := h.conn.Stat(ctx, m.Source)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s is not there: make it on the instance (a tmpfiles.d entry, where it is in /tmp)", ErrMount, m.Source)
		}
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%w: %w", ErrMount, err)
		}
	}
	return nil
}
