package rollout

import (
	"os"
	"slices"
	"strings"
)

// hazard is one kind of fault of a story. To add one, write a function that puts it into the story, and add a row to
// hazards. The function is called when the story begins, with dice of its own, so that a new row changes what happens only
// in the stories that hold it. Faults of single calls, which are drawn at each call, are in sim_call_test.go.
type hazard struct {
	name string
	// share is the part of all stories that hold it.
	share float64
	// arrange puts it into the story, at once or by timers.
	arrange func(w *sim, d *die)
	// off is why no story holds it, for example because the engine has a fault that is being mended; empty: it is on.
	off string
}

// hazards is the table of all faults that a story can hold from its beginning.
func hazards() []hazard {
	return []hazard{
		// The instances.
		{name: "reboot", share: 0.08, arrange: reboots},
		{name: "engine restart", share: 0.08, arrange: engineRestarts},
		{name: "termination", share: 0.05, arrange: terminations},
		{name: "replacement", share: 0.05, arrange: replacements},
		{name: "image pruned", share: 0.05, arrange: prunedImages},
		{name: "outage", share: 0.08, arrange: outages},
		{name: "samples that fail", share: 0.1, arrange: failingSamples},
		{name: "unreachable for good", share: 0.05, arrange: cutOffs},
		{name: "unhealthy for a while", share: 0.08, arrange: unhealthySpells},
		{name: "connection that never ends", share: 0.06, arrange: clingingClients},
		// The load balancer.
		{name: "call applied in part", share: 0.08, arrange: partialCalls},
		{name: "refused target", share: 0.06, arrange: refusedTargets},
		{name: "very late acts", share: 0.06, arrange: veryLateActs},
		{name: "old health answers", share: 0.1, arrange: oldAnswers},
		{name: "long lags", share: 0.1, arrange: longLags},
		{name: "groups with different delays", share: 0.15, arrange: differentDelays},
		{name: "initial at the start", share: 0.08, arrange: initialTargets},
		{name: "unused at the start", share: 0.05, arrange: unusedTargets},
		{name: "unavailable at the start", share: 0.05, arrange: unavailableTargets},
		{name: "draining at the start", share: 0.06, arrange: drainingTargets},
		// The clients.
		{name: "bursty clients", share: 0.2, arrange: burstyClients},
		{name: "clients of one group only", share: 0.1, arrange: unlikeGroups, off: "a drain is judged for an instance, and not for each of its target groups"},
		{name: "long connections", share: 0.1, arrange: longConnections},
		// The process and its clock.
		{name: "paused process", share: 0.1, arrange: pausedProcess},
		{name: "clocks minutes apart", share: 0.1, arrange: skewedClocks},
		{name: "wall clock jumps", share: 0.08, arrange: jumpingClock},
	}
}

// arrange puts the story's hazards into the world.
func (w *sim) arrange() {
	for _, h := range hazards() {
		d := w.roll("hazard/"+h.name, 0)
		if !d.chance(h.share) || !h.on() {
			continue
		}
		w.tally["hazards: "+h.name]++
		w.note("holds", h.name)
		h.arrange(w, d)
	}
}

// on reports whether stories hold the hazard. SIM_HAZARDS=NAME,NAME replaces the choice of the table, to look into one.
func (h hazard) on() bool {
	if only := os.Getenv("SIM_HAZARDS"); only != "" {
		return slices.Contains(strings.Split(only, ","), h.name)
	}
	return h.off == ""
}

// some returns between one instance and a third of the fleet.
func (w *sim) some(d *die) []*rig {
	n := 1
	if d.chance(0.3) {
		n = 1 + d.IntN(max(1, len(w.fleet)/3))
	}
	var some []*rig
	for _, i := range d.Perm(len(w.fleet))[:n] {
		some = append(some, w.fleet[i])
	}
	return some
}

// sometime calls strike once, at a time by which a story of this size may have come to its instances, unless the calm at
// the end of the story has begun.
func (w *sim) sometime(d *die, strike func()) {
	w.in(d.sometime(len(w.fleet)), func() {
		if !w.calm {
			strike()
		}
	})
}

func (w *sim) strikes(m *rig, how string) {
	w.tally["strikes: "+how]++
	w.note("strikes: "+how, m.ID)
}
