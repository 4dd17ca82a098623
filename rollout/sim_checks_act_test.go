package rollout

import (
	"fmt"
	"slices"
	"time"
)

// Checks of what a process does.

// intents are the intents under which each port may change the world. What was put back is kept in its groups without an
// intent of its own.
var intents = map[string][]intent{
	"deregister": {{StepDeregister, Begun}, {StepRegister, Undoing}},
	"drain":      {{StepDrain, Begun}, {StepRegister, Undoing}},
	"undrain":    {{StepDrain, Undoing}},
	"stop":       {{StepStop, Begun}},
	"start":      {{StepStart, Begun}},
	"revert":     {{StepStop, Undoing}},
	"settle":     {{StepSettle, Begun}},
}

func beginsCancelled(s scene) string {
	if s.ended {
		return fmt.Sprintf("%s %s %s with a context that has ended", s.p.name, s.port, s.m.ID)
	}
	return ""
}

func actsWithoutLease(s scene) string {
	if s.p.command.ends == unlocked && time.Since(s.p.intentAt[s.m.ID]) < leaseEnds {
		return "" // the next one waits for that
	}
	if s.p.w.ledger.holder != s.p {
		return fmt.Sprintf("%s: %s of %s while another process holds the lease", s.p.name, s.port, s.m.ID)
	}
	return ""
}

func actsTooSoon(s scene) string {
	if !s.p.healing {
		return notAsked
	}
	if left := time.Until(s.p.waits); left > 0 {
		return fmt.Sprintf("%s: %s of %s, %s before the run before can act no more", s.p.name, s.port, s.m.ID, left)
	}
	return ""
}

func actsWithoutIntent(s scene) string {
	w, id := s.p.w, s.m.ID
	if allowed, strict := intents[s.port]; strict {
		if !slices.Contains(allowed, s.p.intent[id]) {
			return fmt.Sprintf("%s: %s of %s, the intent is %v", s.p.name, s.port, id, s.p.intent[id])
		}
		return ""
	}
	known := func(e Entry) bool { return e.Instance == id }
	if !slices.ContainsFunc(w.ledger.before, known) && !slices.ContainsFunc(w.ledger.entries, known) {
		return fmt.Sprintf("%s: %s of %s without any intent", s.p.name, s.port, id)
	}
	return ""
}

// outlivesIntent is the fence: an act is over when the intent's time is, because the next process counts on that. What the
// load balancer applies after it told the caller that it failed is not checked.
func outlivesIntent(s scene) string {
	at, known := s.p.intentAt[s.m.ID]
	if _, strict := intents[s.port]; !strict || !known || s.late > 0 {
		return notAsked
	}
	if age := time.Since(at); age > leaseEnds-time.Second {
		return fmt.Sprintf("%s: %s of %s is applied %s after its intent", s.p.name, s.port, s.m.ID, age)
	}
	return ""
}

func registersUnproven(s scene) string {
	m := s.m
	b := m.listener()
	if b != nil && b.proven && b.stopping == nil || !m.served && b == nil || m.off {
		return ""
	}
	return fmt.Sprintf("%s registers %s", s.p.name, m.ID)
}

func registersTakenOut(s scene) string {
	for _, t := range s.targets {
		if slices.Contains(s.m.takenOut, t) {
			return fmt.Sprintf("%s registers %s, which somebody took out of %s", s.p.name, s.m.ID, t.Group)
		}
	}
	if len(s.m.takenOut) == 0 {
		return notAsked
	}
	return ""
}

// underFloor: when a target leaves that is healthy, or about to be, the others carry the traffic.
func underFloor(s scene) string {
	return eachLeaving(s, func(t Target, stays map[string]bool, _ int) string {
		if floor := s.p.w.floors[t.Group]; len(stays) < floor {
			return fmt.Sprintf("%s takes %s out of %s: %d stay, the floor is %d", s.p.name, t.Instance, t.Group, len(stays), floor)
		}
		return ""
	})
}

func emptiesZone(s scene) string {
	return eachLeaving(s, func(t Target, _ map[string]bool, inZone int) string {
		w := s.p.w
		if s.p.healing || w.policy.Downtime || w.policy.ZoneLoss || w.crossZone(t.Group) {
			return notAsked
		}
		if inZone == 0 {
			return fmt.Sprintf("%s takes %s out of %s: nobody stays in zone %s", s.p.name, t.Instance, t.Group, s.m.Zone)
		}
		return ""
	})
}

// eachLeaving calls broken for each target that costs capacity, with the other instances that carry the traffic and how
// many of them are in its zone.
func eachLeaving(s scene, broken func(t Target, stays map[string]bool, inZone int) string) string {
	w := s.p.w
	if !s.m.served && (s.late > 0 || s.p.undoingJoin(s.m.ID)) {
		return notAsked // what it gives back it had brought
	}
	asked := notAsked
	for _, t := range s.targets {
		e := w.book[t]
		if e == nil || w.state(e) != TargetHealthy && w.state(e) != TargetInitial {
			continue
		}
		if s.p.undoingJoin(s.m.ID) && time.Since(e.since) < e.joins {
			continue // it was registered just now, and nobody is routed to it
		}
		stays, inZone := map[string]bool{}, 0
		for _, m := range w.fleet {
			if m.lost && (m.struck.from.After(s.p.looked) || s.p.undoingJoin(s.m.ID)) && m.has(t.Group) {
				stays[m.ID] = true
			}
		}
		w.eachRegistered(t.Group, func(other *entry) {
			if other.Instance != s.m.ID && !stays[other.Instance] && s.p.counts(other, s) {
				stays[other.Instance] = true
				if w.rigs[other.Instance].Zone == s.m.Zone {
					inZone++
				}
			}
		})
		switch text := broken(t, stays, inZone); text {
		case "":
			asked = ""
		case notAsked:
		default:
			return text
		}
	}
	return asked
}

// counts reports whether a target carries traffic, or does not because of a hazard that the process could not see when it
// decided: it last looked before, and it does not look again for an instance that goes back.
func (p *process) counts(e *entry, s scene) bool {
	m := p.w.rigs[e.Instance]
	unseen := m.struck.now() && (p.undoingJoin(s.m.ID) || s.late > 0 || m.struck.from.After(p.looked))
	return unseen || p.w.state(e) == TargetHealthy && (p.w.policy.Drain.Fixed || time.Since(e.since) >= e.joins || p.found(e))
}

// found reports whether the load balancer called a target healthy when the process read health first that no process had
// registered: since when it is registered, nothing shows.
func (p *process) found(e *entry) bool {
	return e.byHand && !e.since.Add(e.checks).After(p.surveyed)
}

func (p *process) undoingJoin(id string) bool { return p.intent[id] == (intent{StepRegister, Undoing}) }

func (w *sim) crossZone(group string) bool {
	return slices.ContainsFunc(w.timing, func(t Timing) bool { return t.Group == group && t.CrossZone })
}

func stopsRegistered(s scene) string {
	if s.m.lateJoin {
		return notAsked
	}
	for _, t := range s.p.w.targetsOf[s.m.ID] {
		if e := s.p.w.book[t]; e != nil && e.gone.IsZero() {
			return fmt.Sprintf("%s: %s %s while it is in %s", s.p.name, s.m.ID, s.port, t.Group)
		}
	}
	return ""
}

// stopsRouted: a drain ends when the load balancer does not route there any more.
func stopsRouted(s scene) string {
	w := s.p.w
	if w.policy.Drain.Fixed || s.p.hurries() {
		return notAsked
	}
	for _, t := range w.targetsOf[s.m.ID] {
		hidden := slices.Contains(s.m.takenOut, t) && w.delayOf(t.Group) < w.lag // nothing shows that somebody took it out
		if e := w.book[t]; e != nil && e.leaving() && !e.late && !hidden && !w.stayAway(e.leaves-time.Since(e.gone)) {
			return fmt.Sprintf("%s: %s %s %s after it left %s, which routes to it for %s", s.p.name, s.m.ID, s.port, time.Since(e.gone), t.Group, e.leaves)
		}
	}
	return ""
}

// cutsConnections: connections that the process saw, and that are still open, are cut after the longest drain only.
func cutsConnections(s scene) string {
	w, m := s.p.w, s.m
	seen, counted := s.p.seen[m.ID]
	if w.policy.Drain.Fixed || s.p.hurries() || !counted || m.source == Uncounted {
		return notAsked
	}
	var gone time.Time
	for _, t := range w.targetsOf[m.ID] {
		if e := w.book[t]; e != nil && e.gone.After(gone) {
			gone = e.gone
		}
	}
	if open := min(seen.Open, m.open()); open > 0 && !gone.IsZero() && time.Since(gone) < w.policy.Drain.Max {
		return fmt.Sprintf("%s: %s %s with %d connections open, %s after it left", s.p.name, m.ID, s.port, open, time.Since(gone))
	}
	return ""
}

// hurries reports whether the process was told to end, so that it does not wait for the drain of what it takes back.
func (p *process) hurries() bool { return p.ctx.Err() != nil }

// joinsUnhealthy: each target was healthy at some time since it was registered, or a hazard came.
func joinsUnhealthy(s scene) string {
	w, m := s.p.w, s.m
	for _, t := range m.targets {
		e := w.book[t]
		if slices.Contains(m.takenOut, t) || !m.served || m.disturbed.After(s.p.began) || m.faulted["deregister"] {
			return notAsked
		}
		if e == nil || !e.gone.IsZero() || time.Since(e.since) < e.checks {
			return fmt.Sprintf("%s: %s joined %s, which does not call it healthy", s.p.name, m.ID, t.Group)
		}
	}
	return ""
}
