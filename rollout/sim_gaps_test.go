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
	// A deregistration whose caller gave up lands after the instance was said to be
	// back, and the run that waits for that is killed, broken off, loses its lease
	// or the answer of its journal: no journal holds a flight then, so that no heal
	// looks. Seeds 8579, 10705 (killed), 1134, 1233 (broken off), 1567, 1875.
	lateDeregistration gap = "late deregistration"
	// A container that an earlier run kept is taken for the one to go back to, where
	// a run died between stop's intent and its act. The host alone can tell, by
	// removing it in Prepare. Seed 21117.
	staleKept gap = "stale kept container"
	// The watch jitters by the global generator and holds a mutex while it asks: a
	// story is not told the same way twice, and health cannot be slow.
	restlessWatch gap = "restless watch"
)

// known reports whether stories avoid the gap.
func known(g gap) bool {
	told := os.Getenv("SIM_GAPS")
	return told != "shut" && !slices.Contains(strings.Split(told, ","), string(g))
}
