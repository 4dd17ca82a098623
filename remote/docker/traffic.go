package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/moby/moby/api/types/container"

	"github.com/growl-dev/deploy/rollout"
)

// serving is the container that runs now. It is valid until the container changes.
type serving struct {
	container.Summary

	// sampler counts the container's connections; nil until the container was inspected.
	sampler *sampler
	// autoRemove is set if the engine removes the container when it stops. It is set together with sampler.
	autoRemove bool
}

// lookForServing lists the containers once, because only this run changes which one runs.
func (h *Host) lookForServing(ctx context.Context) (*serving, error) {
	if h.serving != nil {
		return h.serving, nil
	}
	crew, err := h.look(ctx)
	if err != nil {
		return nil, err
	}
	found := crew.serving()
	if found == nil {
		return nil, ErrNotRunning
	}
	h.serving = &serving{Summary: *found}
	return h.serving, nil
}

// Traffic counts the connections of the container that runs now: those that are open, from the kernel's tables, and
// how many were opened, from the service's own count if it has one, else from the kernel's. Every call reads both anew,
// and fails if it cannot read one of them.
func (h *Host) Traffic(ctx context.Context) (rollout.Traffic, error) {
	sample, err := h.sample(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		h.serving = nil // the container was restarted, so that its process is another one
		sample, err = h.sample(ctx)
	}
	if err != nil {
		return rollout.Traffic{}, fmt.Errorf("count connections: %w", err)
	}
	return sample, nil
}

func (h *Host) sample(ctx context.Context) (rollout.Traffic, error) {
	s, err := h.lookForServing(ctx)
	if err != nil {
		return rollout.Traffic{}, err
	}
	if s.sampler == nil {
		if err := h.inspectServing(ctx, s); err != nil {
			h.serving = nil
			return rollout.Traffic{}, err
		}
	}
	return s.sampler.sample(ctx)
}

func (h *Host) inspectServing(ctx context.Context, s *serving) error {
	inspected, err := h.engine.inspect(ctx, s.ID)
	if err != nil {
		return fmt.Errorf("inspect container %s: %w", title(&s.Summary), err)
	}
	if h.addDetails(s, inspected); s.sampler == nil {
		return fmt.Errorf("%w: container %s has no process", ErrNotRunning, title(&s.Summary))
	}
	return nil
}

// addDetails adds what only inspecting the container shows. It adds nothing if the container has no process.
func (h *Host) addDetails(s *serving, found container.InspectResponse) {
	if found.State == nil || found.State.Pid <= 0 {
		return
	}
	s.autoRemove = found.HostConfig.AutoRemove
	s.sampler = &sampler{
		conn:        h.conn,
		service:     h.service(),
		process:     found.State.Pid,
		port:        cmp.Or(containerPort(&s.Summary, uint16(h.spec.HostPort)), h.spec.ContainerPort),
		hostNetwork: found.HostConfig.NetworkMode == hostNetwork,
	}
	if found.Config != nil {
		s.sampler.countFile = onInstance(found.Mounts, found.Config.Labels[h.spec.Label(LabelConnections)])
	}
}

// onInstance returns where the instance has a file of a container; empty if no mount holds it.
func onInstance(mounts []container.MountPoint, name string) string {
	if !path.IsAbs(name) {
		return ""
	}
	name = path.Clean(name)
	found, deepest := "", -1
	for _, m := range mounts {
		target := path.Clean(m.Destination)
		rest, inside := strings.CutPrefix(name, strings.TrimSuffix(target, "/")+"/")
		if inside && path.IsAbs(m.Source) && len(target) > deepest {
			found, deepest = path.Join(m.Source, rest), len(target)
		}
	}
	return found
}
