package docker

import (
	"context"
	"fmt"
	"time"
)

// believed is how long what a sample found is taken for true while clients are
// connected: that one closes its side of a connection, and the first request on
// one, show in no counter.
const believed = 10 * time.Second

// tables are those of the kernel's that hold a container's connections.
type tables struct {
	names []string // in which the service listens; none while that is not known
	open  int      // what they said
	then  counters // just before
	at    time.Time
	// putOff is set where they should have been looked at, and the service was
	// asked instead.
	putOff bool
}

// many is of connections. Fewer are always looked for in the tables: they may be the
// last, and while a table is read a few may come or go.
const many = 10

// still tells how many connections are open by now, where the counters tell that:
// as many as before, where nothing has happened. Of many it is enough to know that
// most are left, or others came: a table costs the instance the more the more are
// connected. Where that is not known it is how many were.
func (t *tables) still(now counters) (open int, known bool) {
	recent := time.Since(t.at) < believed
	if now == t.then {
		return t.open, recent || (t.open == 0 && !t.at.IsZero())
	}
	left := t.open + int(now.established) - int(t.then.established)
	if recent && t.open >= many && left > t.open/2 {
		return left, true
	}
	return t.open, false
}

// lookAtTables counts the connections that clients have open.
func (h *Host) lookAtTables(ctx context.Context, s *serving, now counters) error {
	at := time.Now()
	open, err := h.countOpen(ctx, s)
	if err == nil {
		s.tables.open, s.tables.then, s.tables.at = open, now, at
	}
	return err
}

// countOpen counts in the tables that can hold the service's connections: the
// kernel keeps an accepted one in the same table as the socket that listens for
// it. Where nobody is seen to listen, that is any. One table less is half the cost:
// for each the kernel looks through all connections of the machine.
func (h *Host) countOpen(ctx context.Context, s *serving) (int, error) {
	if len(s.tables.names) > 0 {
		open, listening, err := h.readTables(ctx, s, s.tables.names)
		if err != nil || len(listening) > 0 {
			return open, err
		}
	}
	open, listening, err := h.readTables(ctx, s, []string{"tcp", "tcp6"})
	s.tables.names = listening
	return open, err
}

// readTables counts in tables of those names. listening are those in which the
// service listens.
func (h *Host) readTables(ctx context.Context, s *serving, names []string) (open int, listening []string, err error) {
	var paths []string
	for _, name := range names {
		paths = append(paths, fmt.Sprintf("/proc/%d/net/%s", s.pid, name))
	}
	contents, err := h.conn.Reread(ctx, paths...)
	if err != nil {
		return 0, nil, err
	}
	for i, name := range names {
		if contents[i] == nil && name == "tcp6" {
			continue // the instance has no IPv6
		}
		if contents[i] == nil {
			return 0, nil, missing(paths[i])
		}
		t, err := parseTable(contents[i], s.port)
		if err != nil {
			return 0, nil, fmt.Errorf("parse %s: %w", paths[i], err)
		}
		open += t.open
		if t.listens {
			listening = append(listening, name)
		}
	}
	return open, listening, nil
}
