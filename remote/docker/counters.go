package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// counters are what the kernel counts in a network: connections made from within
// and accepted so far, and those established now. It keeps them as it goes, while
// for a table it looks through all connections of the machine.
type counters struct{ active, passive, established uint64 }

// readCounters reads them without our own questions; none on the instance's
// network, where they count all that the machine does.
func (h *Host) readCounters(ctx context.Context, s *serving) (counters, error) {
	if s.host {
		return counters{}, nil
	}
	name := fmt.Sprintf("/proc/%d/net/snmp", s.pid)
	data, err := h.conn.Reread(ctx, name)
	if err != nil {
		return counters{}, err
	}
	found, err := parseCounters(data)
	if err != nil {
		return counters{}, fmt.Errorf("parse %s: %w", name, err)
	}
	found.passive -= s.count.own
	return found, nil
}

// parseCounters reads /proc/net/snmp: a line "Tcp:" of names, then one of numbers.
func parseCounters(data []byte) (counters, error) {
	var names []string
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] != "Tcp:":
		case names == nil:
			names = fields
		default:
			return pickCounters(names, fields)
		}
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
