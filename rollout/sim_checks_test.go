package rollout

import (
	"slices"
	"strings"
	"time"
)

// intents are the intents under which each port may change the world. What was
// put back is kept in its groups without an intent of its own.
var intents = map[string][]intent{
	"deregister": {{StepDeregister, Begun}, {StepRegister, Undoing}},
	"drain":      {{StepDrain, Begun}, {StepRegister, Undoing}},
	"undrain":    {{StepDrain, Undoing}},
	"stop":       {{StepStop, Begun}},
	"start":      {{StepStart, Begun}},
	"revert":     {{StepStop, Undoing}},
	"settle":     {{StepSettle, Begun}},
}

// begins is checked when a process begins to change something.
func (p *process) begins(port, id string, ended bool) {
	w := p.w
	p.changed = p.changed || !slices.Contains([]string{"register", "drain", "undrain"}, port)
	w.check("an act is never cancelled half-way", !ended, "%s %s %s with a context that has ended", p.name, port, id)
	other := w.ledger.holder
	w.check("one process acts", other == p, "%s: %s of %s while another process holds the lease", p.name, port, id)
	if allowed, strict := intents[port]; strict {
		w.check("intent before act", slices.Contains(allowed, p.intent[id]), "%s: %s of %s, the intent is %v", p.name, port, id, p.intent[id])
	} else {
		known := slices.ContainsFunc(slices.Concat(w.ledger.before, w.ledger.entries), func(e Entry) bool { return e.Instance == id })
		w.check("intent before act", known, "%s: %s of %s without any intent", p.name, port, id)
	}
}

// joins is checked when an instance gets registered.
func (p *process) joins(id string) {
	m := p.w.rigs[id]
	b := m.listener()
	fine := b != nil && b.proven && b.stopping == nil || !m.served && b == nil
	p.w.check("only what is proven is registered", fine, "%s registers %s", p.name, id)
}

// leaves is checked when an instance that the load balancer calls healthy gets
// deregistered: the others carry the traffic.
func (p *process) leaves(id string, targets []Target, late lateness) {
	w := p.w
	if !w.rigs[id].served && (late > 0 || p.intent[id] == (intent{StepRegister, Undoing})) {
		return // what it gives back it had brought
	}
	for _, t := range targets {
		e := w.book[t]
		if e == nil || w.state(e) != TargetHealthy {
			continue
		}
		stays := map[string]bool{}
		zone := 0
		w.eachRegistered(t.Group, func(other *entry) {
			if other.Instance != id && p.counts(other, id, late) {
				stays[other.Instance] = true
				if w.rigs[other.Instance].Zone == w.rigs[id].Zone {
					zone++
				}
			}
		})
		w.check("floor", len(stays) >= w.floors[t.Group], "%s takes %s out of %s: %d healthy ones stay, the floor is %d", p.name, id, t.Group, len(stays), w.floors[t.Group])
		if !p.healing && !w.policy.Downtime && !w.policy.ZoneLoss && !w.crossZone(t.Group) {
			w.check("zone", zone > 0, "%s takes %s out of %s: nobody stays in zone %s", p.name, id, t.Group, w.rigs[id].Zone)
		}
	}
}

// looks notes when the process last looked before anybody left: a look while some
// are out is for those, and takes nothing back of what was decided.
func (p *process) looks() {
	for _, open := range p.intent {
		if open != (intent{}) {
			return
		}
	}
	p.looked = time.Now()
}

// counts reports whether a target is healthy, or became unhealthy by no doing of
// ours after the process last looked: before the instance left, for one that goes back.
func (p *process) counts(e *entry, id string, late lateness) bool {
	m := p.w.rigs[e.Instance]
	undoing := p.intent[id] == (intent{StepRegister, Undoing})
	unseen := m.troubledNow() && (undoing || late > 0 || p.w.began.Add(m.troubled).After(p.looked))
	return p.w.state(e) == TargetHealthy || unseen
}

func (w *sim) crossZone(group string) bool {
	return slices.ContainsFunc(w.timing, func(t Timing) bool { return t.Group == group && t.CrossZone })
}

// quietsDown is checked when a running container of an instance is taken away.
func (p *process) quietsDown(m *rig, what string) {
	if m.listener() == nil || m.lateJoin {
		return
	}
	for _, t := range p.w.targetsOf[m.ID] {
		e := p.w.book[t]
		p.w.check("nothing that is registered is stopped", e == nil || !e.gone.IsZero(), "%s: %s %s while it is in %s", p.name, m.ID, what, t.Group)
	}
}

// claims checks what a run says about itself against the fleet.
func (p *process) claims(r Result, err error) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	p.alive()
	w.note(p.name+" ended "+string(r.Outcome), "")
	p.result = r
	w.tally["outcomes: "+string(r.Outcome)]++
	if r.InDoubt {
		w.tally["left in doubt"]++
	}
	good := r.Outcome.ExitCode() == 0
	w.check("an error tells that not all is well", good == (err == nil), "%s: %s with error %v", p.name, r.Outcome, err)
	if r.Outcome == Refused {
		w.check("refused means untouched", !p.changed, "%s", p.name)
	}
	for _, i := range r.Instances {
		p.claim(i, r)
	}
}

func (p *process) claim(i InstanceResult, r Result) {
	w, m := p.w, p.w.rigs[i.ID]
	if !m.served {
		return
	}
	if i.Outcome == OutOfService {
		trouble := p.troubles[i.ID] || p.troubles[""] || p.lost || w.broken || m.troubled > 0 || m.cutOff > 0
		w.check("nothing is lost without a fault", trouble, "%s lost %s: %s", p.name, i.ID, i.Error)
		return
	}
	if p.lost {
		return
	}
	if i.Outcome == Updated || i.Outcome == Restored {
		w.check("what is said to serve runs", m.current != nil && m.current.running && m.current.proven, "%s: %s is %s, but %s", p.name, i.ID, i.Outcome, m.serves())
	}
	if m.current != nil && i.Release != "" {
		w.check("what is said to run runs", digestOf(m.current.release) == i.Release, "%s: %s is said to run %s, runs %d", p.name, i.ID, i.Release, m.current.release)
	}
	switch r.Outcome {
	case Deployed, UnchangedRun:
		runs := m.current != nil && m.current.running && digestOf(m.current.release) == r.Release.Digest()
		w.check("one digest", runs, "%s: %s after %s", p.name, i.ID, r.Outcome)
		w.check("success means service", m.serves() == "" || m.lateFault(), "%s: %s %s", p.name, i.ID, m.serves())
	}
}

func (m *rig) lateFault() bool { return m.faulted["deregister"] || m.faulted["register"] }

// ending checks what must be true once nothing goes wrong any more and the last
// command has healed.
func (w *sim) ending() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flow()
	for _, m := range w.fleet {
		if m.cutOff > 0 || !m.served {
			continue
		}
		w.check("in service at the end", m.serves() == "", "%s %s", m.ID, m.serves())
		if !w.mayKeep(m) {
			w.check("nothing kept at the end", m.previous == nil && m.next == nil, "%s keeps a container: previous %v, next %v", m.ID, m.previous != nil, m.next != nil)
		}
		if b := m.current; b != nil && !m.faulted["drain"] && !m.faulted["undrain"] {
			w.check("clients may stay at the end", !b.told, "%s still sends its clients away", m.ID)
		}
	}
	if !w.broken && !w.policy.Drain.Fixed {
		w.check("no failed connection", w.deaf == 0, "connections found nobody listening for %.3fs", w.deaf)
	}
	if !w.broken && !w.policy.Drain.Fixed && !w.policy.Downtime && w.sound() {
		w.check("somebody is routed to", w.unmet == 0, "the load balancer routed to nobody for %.3fs", w.unmet)
	}
}

// sound reports whether nothing goes wrong in the story but releases.
func (w *sim) sound() bool {
	return w.faults == 0 && !slices.ContainsFunc(w.fleet, func(m *rig) bool {
		return !m.served || m.cutOff > 0 || m.troubled > 0 || len(m.targets) < len(w.timing)
	})
}

// finale checks what a deploy in calm after all that makes of the fleet.
func (w *sim) finale(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	deployed := p.result.Outcome == Deployed
	w.check("a calm deploy succeeds", deployed || w.mayRefuse(p.result), "it ended %s: %s", p.result.Outcome, p.result.Error)
	for _, m := range w.fleet {
		if deployed && m.cutOff == 0 {
			w.check("nothing kept after a calm deploy", m.previous == nil && m.next == nil, "%s keeps a container: previous %v, next %v", m.ID, m.previous != nil, m.next != nil)
		}
	}
	w.took = time.Since(w.began)
}

// mayRefuse excuses a deploy to a fleet that is not whole, or too small for its policy.
func (w *sim) mayRefuse(r Result) bool {
	return slices.ContainsFunc(w.fleet, func(m *rig) bool { return m.cutOff > 0 || m.troubled > 0 || !m.served }) ||
		strings.Contains(r.Error, "alone serves target group") || strings.Contains(r.Error, "can never leave")
}

// mayKeep excuses a kept container: settling is never fatal, and a run that is
// broken off does not settle.
func (w *sim) mayKeep(m *rig) bool {
	for _, port := range []string{"settle", "record", "connect", "inspect"} {
		if m.faulted[port] {
			return true
		}
	}
	return w.tally["cancelled"] > 0
}

const tooLong = 14 * 24 * time.Hour
