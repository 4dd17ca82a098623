package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// counters are what the kernel counts in a network: connections made from within
// and accepted so far, and those established now. It keeps them as it goes, while
// for a table it looks through all connections of the machine.
type counters struct{ active, passive, established uint64 }

// glance is what every sample begins with.
type glance struct {
	// counters are without our own questions; none on the instance's network, where
	// they count all that the machine does.
	counters
	// file is what the count's file holds; nil where the count is in none.
	file []byte
}

// glance reads all of it in one trip.
func (h *Host) glance(ctx context.Context, s *serving) (g glance, err error) {
	var names []string
	if !s.host {
		names = append(names, fmt.Sprintf("/proc/%d/net/snmp", s.pid))
	}
	if s.count.file != "" {
		names = append(names, s.count.file)
	}
	if len(names) == 0 {
		return g, nil
	}
	contents, err := h.conn.Reread(ctx, names...)
	if contents == nil {
		return g, err
	}
	if s.count.file != "" {
		g.file = contents[len(contents)-1] // where it cannot be read the service is asked
	}
	if s.host {
		return g, nil
	}
	if contents[0] == nil {
		return g, cmp.Or(err, missing(names[0]))
	}
	if g.counters, err = parseCounters(contents[0]); err != nil {
		return g, fmt.Errorf("parse %s: %w", names[0], err)
	}
	g.passive -= s.count.own
	return g, nil
}

// missing is the error of a file that every process has.
func missing(name string) error { return fmt.Errorf("read %s: %w", name, fs.ErrNotExist) }

// parseCounters reads /proc/net/snmp: a line "Tcp:" of names, then one of numbers.
func parseCounters(data []byte) (counters, error) {
	var names []string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "Tcp:") {
			continue
		}
		fields := strings.Fields(line)
		if names != nil {
			return pickCounters(names, fields)
		}
		names = fields
	}
	return counters{}, errors.New("there are no Tcp lines")
}

func pickCounters(names, numbers []string) (counters, error) {
	var c counters
	for _, wanted := range []struct {
		name string
		into *uint64
	}{{"ActiveOpens", &c.active}, {"PassiveOpens", &c.passive}, {"CurrEstab", &c.established}} {
		i := slices.Index(names, wanted.name)
		if i < 0 || i >= len(numbers) {
			return counters{}, fmt.Errorf("there is no %s", wanted.name)
		}
		number, err := strconv.ParseUint(numbers[i], 10, 64)
		if err != nil {
			return counters{}, fmt.Errorf("%s is no number: %w", wanted.name, err)
		}
		*wanted.into = number
	}
	return c, nil
}
