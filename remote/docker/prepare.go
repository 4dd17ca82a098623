package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
)

// Prepare checks everything the swap will need and pulls the release by its
// digest, while the old container goes on serving.
func (h *Host) Prepare(ctx context.Context, r rollout.Release, progress func(rollout.Progress)) error {
	// It may be long until this instance's turn: only the connection stays open.
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
	return h.ensureImage(ctx, r, info, progress)
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
	there, err := h.hasImage(ctx, r, info)
	if err != nil || there {
		return err
	}
	return h.checkRegistry(ctx, r, info)
}

// ready makes the checks that Prepare and Check have in common. leftover is the container of an earlier run that
// Prepare removes; nil if there is none.
func (h *Host) ready(ctx context.Context, r rollout.Release) (info system.Info, leftover *container.Summary, err error) {
	if err := r.Validate(); err != nil {
		return info, nil, err
	}
	if info, err = h.info(ctx); err != nil {
		return info, nil, fmt.Errorf("ask the engine: %w", err)
	}
	if leftover, err = h.checkOld(ctx); err != nil {
		return info, nil, err
	}
	if _, err := h.readEnv(ctx); err != nil {
		return info, nil, err
	}
	return info, leftover, h.checkMounts(ctx)
}

func (h *Host) info(ctx context.Context) (system.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	result, err := h.engine.Info(ctx, client.InfoOptions{})
	return result.Info, err
}

// checkOld sees to it that the old container can be put back, and that nothing
// else pretends to be the old one. A kept container beside one that serves is
// from an earlier run whose settling failed, and is returned.
func (h *Host) checkOld(ctx context.Context) (leftover *container.Summary, err error) {
	crew, err := h.look(ctx)
	if err == nil && crew.serving() == nil {
		err = h.checkPort(ctx, crew)
	}
	if err != nil || !running(crew.current) {
		return nil, err
	}
	gone, err := h.autoRemoved(ctx, crew.current)
	if err != nil {
		return nil, err
	}
	if gone {
		return nil, fmt.Errorf("container %s was started with --rm and could not be put back: start it again without", title(crew.current))
	}
	if crew.previous == nil || (!h.neverStopped(crew) && h.service().healthy(ctx) != nil) {
		return nil, nil
	}
	return crew.previous, nil
}

// checkPort refuses an instance on which no container of the service runs and on which something answers on the
// service's port all the same: the new container could not have the port, and what has it could not be put back.
func (h *Host) checkPort(ctx context.Context, c crew) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if h.conn.Exchange(ctx, h.service().address(), func(io.ReadWriter) error { return nil }) != nil {
		return nil
	}
	found := h.spec.noneFound()
	if c.current != nil {
		found = fmt.Sprintf("container %s does not run", title(c.current))
	}
	return fmt.Errorf("%w: port %d answers, and %s%s", ErrPort, h.spec.HostPort, found, nameWhatRuns)
}

// autoRemoved reports whether the engine removes the container when it stops.
func (h *Host) autoRemoved(ctx context.Context, s *container.Summary) (bool, error) {
	if known := h.serving; known != nil && known.ID == s.ID && known.sampler != nil {
		return known.autoRemove, nil
	}
	found, err := h.engine.inspect(ctx, s.ID)
	if err != nil {
		return false, err
	}
	return found.HostConfig.AutoRemove, nil
}

// checkDisk wants the spec's free bytes where the engine keeps images.
func (h *Host) checkDisk(ctx context.Context, root string) error {
	free, where, err := h.freeDisk(ctx, root)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	if free < uint64(h.spec.MinFreeBytes) {
		return fmt.Errorf("%w: %s free on %s, %s wanted: remove old images (docker image prune -a) or grow the disk",
			ErrDisk, gib(free), where, gib(uint64(h.spec.MinFreeBytes)))
	}
	return nil
}

// freeDisk asks for the nearest folder above that ordinary users may look at:
// the engine's own is root's.
func (h *Host) freeDisk(ctx context.Context, folder string) (uint64, string, error) {
	for {
		free, err := h.conn.FreeDisk(ctx, folder)
		if !errors.Is(err, fs.ErrPermission) || folder == "/" {
			return free, folder, err
		}
		folder = path.Dir(folder)
	}
}

func gib(bytes uint64) string { return fmt.Sprintf("%.2f GiB", float64(bytes)/(1<<30)) }

// readEnv reads the variables of the sealed env file on the instance. A file that
// is not the sealed one is refused before anybody minds what it says.
func (h *Host) readEnv(ctx context.Context) ([]string, error) {
	variables, seal, err := h.loadEnv(ctx)
	if fault := h.checkSeal(seal); fault != nil {
		return nil, fault
	}
	return variables, err
}

// loadEnv reads the env file on the instance, and its SHA-256 in hex, which is
// empty where the spec names none or it cannot be read. Errors hold no value of it.
func (h *Host) loadEnv(ctx context.Context) (variables []string, seal string, err error) {
	if h.spec.EnvFile == "" {
		return nil, "", nil
	}
	data, err := h.conn.ReadFile(ctx, h.spec.EnvFile)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrEnvFile, err)
	}
	sum := sha256.Sum256(data)
	seal = hex.EncodeToString(sum[:])
	if variables, err = ParseEnvFile(bytes.NewReader(data)); err != nil {
		return nil, seal, fmt.Errorf("%w: parse %s: %w", ErrEnvFile, h.spec.EnvFile, err)
	}
	return variables, seal, nil
}

// checkSeal compares the seal of the env file that was read with the one wanted. A
// difference refuses the run: the other instances' files are no better.
func (h *Host) checkSeal(seal string) error {
	if seal == "" || h.options.EnvSeal == "" || h.options.EnvSeal == seal {
		return nil
	}
	return fmt.Errorf("%w: %w: %s is not the env file that was sealed", rollout.ErrRefuse, ErrEnvFile, h.spec.EnvFile)
}

// checkMounts looks for each bind source: a missing one would keep the new
// container from starting, and the old one from starting again.
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
