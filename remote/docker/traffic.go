package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/rollout"
)

// counter is how the running container is counted. It holds until the container
// changes.
type counter struct {
	pid  int
	port int  // the service's, inside the container
	host bool // the network is the instance's
	// tables are those of the kernel's in which the service listens; none while
	// that is not known.
	tables []string
	// source is where Opened comes from, once known is set.
	source rollout.Source
	known  bool
}

// Traffic counts the connections of whichever container runs now: those open
// from the kernel's tables, those opened from the service's own count where it
// has one, else from the kernel's.
func (h *Host) Traffic(ctx context.Context) (rollout.Traffic, error) {
	sample, err := h.sample(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		h.counter = nil // the container was restarted, and its process is another
		sample, err = h.sample(ctx)
	}
	if err != nil {
		return rollout.Traffic{}, fmt.Errorf("count connections: %w", err)
	}
	return sample, nil
}

func (h *Host) sample(ctx context.Context) (rollout.Traffic, error) {
	if h.counter == nil {
		c, err := h.newCounter(ctx)
		if err != nil {
			return rollout.Traffic{}, err
		}
		h.counter = c
	}
	open, err := h.countOpen(ctx, h.counter)
	if err != nil {
		return rollout.Traffic{}, err
	}
	// The tables are read before the service is asked: our question is a
	// connection too.
	opened, err := h.countOpened(ctx, h.counter)
	return rollout.Traffic{Open: open, Opened: opened, Source: h.counter.source}, err
}

func (h *Host) newCounter(ctx context.Context) (*counter, error) {
	crew, err := h.look(ctx)
	if err != nil {
		return nil, err
	}
	found := crew.serving()
	if found == nil {
		return nil, ErrNotRunning
	}
	inspected, err := h.engine.inspect(ctx, found.ID)
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: %w", title(found), err)
	}
	if inspected.State.Pid <= 0 {
		return nil, fmt.Errorf("%w: container %s has no process", ErrNotRunning, title(found))
	}
	return &counter{
		pid:  inspected.State.Pid,
		port: cmp.Or(containerPort(found, uint16(h.spec.HostPort)), h.spec.ContainerPort),
		host: inspected.HostConfig.NetworkMode == hostNetwork,
	}, nil
}

// countOpen counts in the tables that can hold the service's connections: the
// kernel keeps an accepted one in the same table as the socket that listens for
// it. Where nobody is seen to listen, that is any. One table less is half the
// cost: for each the kernel looks through all connections of the machine.
func (h *Host) countOpen(ctx context.Context, c *counter) (int, error) {
	open, listening, err := h.readTables(ctx, c)
	if err == nil && len(listening) == 0 && len(c.tables) > 0 {
		c.tables = nil // it listens no more, or elsewhere
		open, listening, err = h.readTables(ctx, c)
	}
	c.tables = listening
	return open, err
}

// readTables reads the counter's tables, or all, at once: a sample takes as long
// as its round trips. listening are those in which the service listens.
func (h *Host) readTables(ctx context.Context, c *counter) (open int, listening []string, err error) {
	names := c.tables
	if len(names) == 0 {
		names = []string{"tcp", "tcp6"}
	}
	tables := make([]table, len(names))
	var reading errgroup.Group // not one that cancels: that would end the SFTP session
	for i, name := range names {
		reading.Go(func() (err error) {
			tables[i], err = h.readTable(ctx, fmt.Sprintf("/proc/%d/net/%s", c.pid, name), c.port)
			if name == "tcp6" && errors.Is(err, fs.ErrNotExist) {
				return nil // the instance has no IPv6
			}
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return 0, nil, err
	}
	for i, t := range tables {
		open += t.open
		if t.listens {
			listening = append(listening, names[i])
		}
	}
	return open, listening, nil
}

func (h *Host) readTable(ctx context.Context, name string, port int) (table, error) {
	data, err := h.conn.ReadFile(ctx, name)
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
// lack what the spec says of the new.
func (h *Host) countOpened(ctx context.Context, c *counter) (uint64, error) {
	if h.spec.CountField != "" && (!c.known || c.source == rollout.ServiceCount) {
		answer, _, err := h.askVersion(ctx)
		if err != nil {
			return 0, err
		}
		if answer.count != nil {
			c.source, c.known = rollout.ServiceCount, true
			return *answer.count, nil
		}
		if c.known {
			return 0, fmt.Errorf("GET %s no longer answers with %q", h.spec.VersionPath, h.spec.CountField)
		}
	}
	c.known = true
	if c.host {
		c.source = rollout.Uncounted
		return 0, nil
	}
	c.source = rollout.KernelCount
	data, err := h.conn.ReadFile(ctx, fmt.Sprintf("/proc/%d/net/snmp", c.pid))
	if err != nil {
		return 0, err
	}
	opened, err := parsePassiveOpens(data)
	if err != nil {
		return 0, fmt.Errorf("parse /proc/%d/net/snmp: %w", c.pid, err)
	}
	return opened, nil
}
