package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/moby/moby/api/types/container"

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
	// tables are those of the kernel's in which the service listens; none while
	// that is not known.
	tables []string
	// source is where Opened comes from, once counted is set.
	source  rollout.Source
	counted bool
	// last is the sample before; nil on the instance's network, whose counters
	// count all that the machine does.
	last *sighting
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
// has one, else from the kernel's. While the kernel's counters stand still it
// answers as before, with connections open for 10 s at most.
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

// sample looks closely where the kernel's counters say that anything has happened
// since the last time.
func (h *Host) sample(ctx context.Context) (rollout.Traffic, error) {
	s, err := h.lookForServing(ctx)
	if err == nil && s.pid == 0 {
		err = h.findProcess(ctx, s)
	}
	if err != nil {
		return rollout.Traffic{}, err
	}
	if s.host {
		return h.count(ctx, s, &counters{})
	}
	now, err := h.readCounters(ctx, s.pid)
	if err != nil {
		return rollout.Traffic{}, err
	}
	if s.last.holds(now) {
		return s.last.traffic, nil
	}
	s.last = nil
	found, err := h.count(ctx, s, &now)
	if err == nil {
		s.last = &sighting{found, now, time.Now()}
	}
	return found, err
}

// count looks at the tables before it asks the service: our question is a
// connection too.
func (h *Host) count(ctx context.Context, s *serving, now *counters) (found rollout.Traffic, err error) {
	if found.Open, err = h.countOpen(ctx, s); err != nil {
		return found, err
	}
	found.Opened, err = h.countOpened(ctx, s, now)
	found.Source = s.source
	return found, err
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
}

// countOpen counts in the tables that can hold the service's connections: the
// kernel keeps an accepted one in the same table as the socket that listens for
// it. Where nobody is seen to listen, that is any, by their names as they are now:
// a table that stayed open may be that of a container that is gone. One table less
// is half the cost: for each the kernel looks through all connections of the machine.
func (h *Host) countOpen(ctx context.Context, s *serving) (int, error) {
	if len(s.tables) > 0 {
		open, listening, err := h.readTables(ctx, s, s.tables, h.conn.Reread)
		if err != nil || len(listening) > 0 {
			return open, err
		}
	}
	open, listening, err := h.readTables(ctx, s, []string{"tcp", "tcp6"}, h.conn.ReadFile)
	s.tables = listening
	return open, err
}

// readTables counts in tables of those names. listening are those in which the
// service listens.
func (h *Host) readTables(ctx context.Context, s *serving, names []string, read readFile) (open int, listening []string, err error) {
	for _, name := range names {
		t, err := readTable(ctx, read, fmt.Sprintf("/proc/%d/net/%s", s.pid, name), s.port)
		if name == "tcp6" && errors.Is(err, fs.ErrNotExist) {
			continue // the instance has no IPv6
		}
		if err != nil {
			return 0, nil, err
		}
		open += t.open
		if t.listens {
			listening = append(listening, name)
		}
	}
	return open, listening, nil
}

// readFile is one of the ways to read a file.
type readFile func(ctx context.Context, name string) ([]byte, error)

func readTable(ctx context.Context, read readFile, name string, port int) (table, error) {
	data, err := read(ctx, name)
	if err != nil {
		return table{}, err
	}
	t, err := parseTable(data, port)
	if err != nil {
		return t, fmt.Errorf("parse %s: %w", name, err)
	}
	return t, nil
}

// countOpened finds out once where the count comes from: an old container may
// lack what the spec says of the new. Asking the service is counted in now.
func (h *Host) countOpened(ctx context.Context, s *serving, now *counters) (uint64, error) {
	if h.spec.CountField != "" && (!s.counted || s.source == rollout.ServiceCount) {
		answer, _, err := h.askVersion(ctx)
		if err != nil {
			return 0, err
		}
		now.passive++
		if answer.count != nil {
			s.source, s.counted = rollout.ServiceCount, true
			return *answer.count, nil
		}
		if s.counted {
			return 0, fmt.Errorf("GET %s no longer answers with %q", h.spec.VersionPath, h.spec.CountField)
		}
	}
	s.counted = true
	if s.host {
		s.source = rollout.Uncounted
		return 0, nil
	}
	s.source = rollout.KernelCount
	return now.passive, nil
}
