package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// counters are what the kernel counts in a network: connections made from within
// and accepted so far, and those established now. It keeps them as it goes, while
// for a table it looks through all connections of the machine.
type counters struct{ active, passive, established uint64 }

// readCounters opens the file by its name: the network of a process that is gone
// would stand still for ever.
func (h *Host) readCounters(ctx context.Context, pid int) (counters, error) {
	name := fmt.Sprintf("/proc/%d/net/snmp", pid)
	data, err := h.conn.ReadFile(ctx, name)
	if err != nil {
		return counters{}, err
	}
	found, err := parseCounters(data)
	if err != nil {
		return counters{}, fmt.Errorf("parse %s: %w", name, err)
	}
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

// sighting is a sample, and the counters as they are for as long as it is true.
type sighting struct {
	traffic  rollout.Traffic
	counters counters
	at       time.Time
}

// believed is how long a sample with open connections is taken for true: a client
// that closes its side of a connection, and a first request on one, show in no
// counter.
const believed = 10 * time.Second

// holds reports whether another sample would be the same: since then nobody has
// opened a connection, and as many are established, so it is the same ones.
func (s *sighting) holds(now counters) bool {
	return s != nil && s.counters == now && (s.traffic.Open == 0 || time.Since(s.at) < believed)
}
