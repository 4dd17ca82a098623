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

// tracker remembers the container that runs, so that a signal or a sample need not look for it each time.
type tracker struct {
	instance
	conn    Conn
	serving *serving // nil until find or found has set it
}

// forget is called when the container that runs has changed, or may have.
func (t *tracker) forget() { t.serving = nil }

// found remembers a container that the caller has inspected.
func (t *tracker) found(c *container.Summary, details container.InspectResponse) {
	t.serving = &serving{Summary: *c}
	t.addDetails(t.serving, details)
}

// serving is the container that runs now. It is valid until the container changes.
type serving struct {
	container.Summary

	// sampler counts the container's connections; nil until the container was inspected.
	sampler *sampler
}

// find returns the container that runs. It lists the containers only once, because only this run changes which one runs.
func (t *tracker) find(ctx context.Context) (*serving, error) {
	if t.serving != nil {
		return t.serving, nil
	}
	list, err := t.listContainers(ctx)
	if err != nil {
		return nil, err
	}
	found := list.serving()
	if found == nil {
		return nil, ErrNotRunning
	}
	t.serving = &serving{Summary: *found}
	return t.serving, nil
}

// count takes a sample, and another one if the process that it read about has ended.
func (t *tracker) count(ctx context.Context) (rollout.Traffic, error) {
	sample, err := t.sample(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		t.forget() // the container was restarted, so that its process is another one
		sample, err = t.sample(ctx)
	}
	if err != nil && t.hidden(ctx, err) {
		err = fmt.Errorf("/proc hides the processes of other users (hidepid): mount it with hidepid=0, or with gid= of a group that the deploy user is in: %w", err)
	}
	if err != nil {
		return rollout.Traffic{}, fmt.Errorf("count connections: %w", err)
	}
	return sample, nil
}

// hidden reports whether a file of a process could not be read because /proc hides it: then the first process is hidden
// too.
func (t *tracker) hidden(ctx context.Context, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return false
	}
	_, err = t.conn.ReadFile(ctx, "/proc/1/net/tcp")
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}

func (t *tracker) sample(ctx context.Context) (rollout.Traffic, error) {
	s, err := t.find(ctx)
	if err != nil {
		return rollout.Traffic{}, err
	}
	if s.sampler == nil {
		if err := t.inspect(ctx, s); err != nil {
			t.serving = nil
			return rollout.Traffic{}, err
		}
	}
	return s.sampler.sample(ctx)
}

func (t *tracker) inspect(ctx context.Context, s *serving) error {
	inspected, err := t.engine.inspect(ctx, s.ID)
	if err != nil {
		return fmt.Errorf("inspect container %s: %w", title(&s.Summary), err)
	}
	if t.addDetails(s, inspected); s.sampler == nil {
		return fmt.Errorf("%w: container %s has no process", ErrNotRunning, title(&s.Summary))
	}
	return nil
}

// addDetails adds what only inspecting the container shows. It adds nothing if the container has no process.
func (t *tracker) addDetails(s *serving, found container.InspectResponse) {
	if found.State == nil || found.State.Pid <= 0 {
		return
	}
	s.sampler = &sampler{
		conn:        t.conn,
		service:     service{conn: t.conn, spec: t.spec}.of(found),
		process:     found.State.Pid,
		port:        cmp.Or(containerPort(&s.Summary, uint16(t.spec.HostPort)), t.spec.ContainerPort),
		hostNetwork: found.HostConfig.NetworkMode == hostNetwork,
	}
	if found.Config != nil {
		s.sampler.countFile = onInstance(found.Mounts, found.Config.Labels[t.spec.Label(LabelConnections)])
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
