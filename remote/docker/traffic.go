package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/growl-dev/deploy/rollout"
)

// serving is the container that runs, and how it is counted. It holds until the
// container changes.
type serving struct {
	container.Summary

	pid  int  // 0 while it is not known, nor what follows
	port int  // the service's, inside the container
	host bool // the network is the instance's
	// autoRemove is set where the engine removes the container when it stops.
	autoRemove bool
	endpoints  map[string]*network.EndpointSettings
	// countFile is where the instance has the service's count; empty where it has not.
	countFile string

	// What samples before found out.
	tables tables
	count  count
	// failed is set where the last one did: the next is whole, or a half that fails
	// each time would show every other time.
	failed bool
}

// lookForServing looks once: nobody but this run changes what runs.
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

// Traffic counts the connections of whichever container runs now: those open
// from the kernel's tables, those opened from the service's own count where it
// has one, else from the kernel's. What the kernel's counters show to be as it was
// is not looked at again; of what is not, one call looks at the tables or asks the
// service, and the next does the other: a half sample's other half is that of the
// sample before. With clients connected what was looked at or asked for is believed
// for 10 s, and an Open of more than five may be an estimate: as many as were seen
// then, and by how many the kernel has more or fewer established since, the service's
// own connections among them. A count that the service keeps in a file is read each
// time, and no sample is half then.
func (h *Host) Traffic(ctx context.Context) (rollout.Traffic, error) {
	sample, err := h.sample(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		h.serving = nil // it was restarted, and its process is another
		sample, err = h.sample(ctx)
	}
	if err != nil {
		return rollout.Traffic{}, fmt.Errorf("count connections: %w", err)
	}
	return sample, nil
}

// sample looks at the tables before it asks the service, where it does both: our
// question is a connection too.
func (h *Host) sample(ctx context.Context) (found rollout.Traffic, err error) {
	s, err := h.lookForServing(ctx)
	if err == nil && s.pid == 0 {
		err = h.findProcess(ctx, s)
	}
	if err != nil {
		return found, err
	}
	now, err := h.glance(ctx, s)
	if err != nil {
		return found, err
	}
	look, ask, half := s.due(now.counters)
	if look {
		err = h.lookAtTables(ctx, s, now.counters)
	}
	if ask && err == nil {
		err = h.lookAtCount(ctx, s, now)
	}
	s.failed = err != nil
	found.Open, _ = s.tables.still(now.counters)
	found.Opened, found.Source = s.count.opened, s.count.source
	found.Half = half
	return found, err
}

// due tells whether to look at the tables and whether to ask the service. Where both
// may have changed it is one of them and half a sample, for both together cost the
// instance more than a sample may. First the service. While it says that clients keep
// coming, the tables have nothing to add: nothing is quiet.
func (s *serving) due(now counters) (look, ask, half bool) {
	_, known := s.tables.still(now)
	look, ask = s.host || !known, s.host || !s.count.still(now)
	half = look && ask && s.count.source == rollout.ServiceCount && s.count.file == "" && !s.failed
	if half {
		look = s.tables.putOff && (!s.count.grew || time.Since(s.tables.at) >= believed)
		ask = !look
	}
	s.tables.putOff = half && ask
	return look, ask, half
}

// findProcess finds out whose tables to read, and what to look for in them.
func (h *Host) findProcess(ctx context.Context, s *serving) error {
	inspected, err := h.engine.inspect(ctx, s.ID)
	if err != nil {
		h.serving = nil
		return fmt.Errorf("inspect container %s: %w", title(&s.Summary), err)
	}
	if s.learn(inspected, h.spec); s.pid == 0 {
		h.serving = nil
		return fmt.Errorf("%w: container %s has no process", ErrNotRunning, title(&s.Summary))
	}
	return nil
}

func (s *serving) learn(found container.InspectResponse, spec Spec) {
	if found.State == nil || found.State.Pid <= 0 {
		return
	}
	s.pid = found.State.Pid
	s.port = cmp.Or(containerPort(&s.Summary, uint16(spec.HostPort)), spec.ContainerPort)
	s.host = found.HostConfig.NetworkMode == hostNetwork
	s.autoRemove = found.HostConfig.AutoRemove
	if found.Config != nil {
		s.countFile = onInstance(found.Mounts, found.Config.Labels[spec.Label(LabelConnections)])
	}
	if found.NetworkSettings != nil {
		s.endpoints = found.NetworkSettings.Networks
	}
}
