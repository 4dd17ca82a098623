package rollout

import (
	"os"
	"slices"
	"strings"
)

// gap is a promise that the engine, or a port, is known not to keep. Stories are
// told around it, so that they find what is not known yet. SIM_GAPS=shut tells
// them as they ought to be told: whoever closes a gap runs that, and takes the
// gap off this list when its stories end well. SIM_GAPS=NAME,NAME opens some.
type gap string

const (
	// A deregistration whose caller gave up, or was killed, lands after heal or run
	// looked for the last time, or while the next batch is out already.
	// Seeds 112, 1010, 1134.
	lateDeregistration gap = "late deregistration"
	// A journal that fails at settle's entries makes the run go back, though the
	// container to go back to is gone by then. Seeds 2323, 2611.
	settleGoesBack gap = "settle goes back"
	// A revert that is tried again, and a target that is registered again, have no
	// intent of their own: a run that lost its lease goes on with them for minutes.
	// Seeds 10498, 10594.
	unfencedRetries gap = "unfenced retries"
	// A run killed between join and settle leaves the old container for good.
	// Seeds 1121, 1244.
	neverSettled gap = "never settled"
	// A container kept by an earlier run is taken for the one to go back to.
	// Seeds 515, 10058.
	staleKept gap = "stale kept container"
	// The drain's clock starts before the load balancer has answered, and the time
	// before the first sample counts as silence. Seeds 3825, 16696.
	earlyClock gap = "early drain clock"
	// A heal that is broken off says restored of what could not be registered.
	unregistered gap = "broken off unregistered"
	// Heal swaps a container whose target still drains.
	healDrains gap = "heal does not wait for traffic"
	// The watch jitters by the global generator and holds a mutex while it asks: a
	// story is not told the same way twice, and health cannot be slow.
	restlessWatch gap = "restless watch"
)

// known reports whether stories avoid the gap.
func known(g gap) bool {
	told := os.Getenv("SIM_GAPS")
	return told != "shut" && !slices.Contains(strings.Split(told, ","), string(g))
}
