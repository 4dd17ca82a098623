package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Checks of what a command says about itself, and of what is left when the story ends.

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
	w.check("an error tells that not all is well", good == (err == nil), fmt.Sprintf("%s: %s with error %v", p.name, r.Outcome, err))
	if r.Outcome == Refused {
		w.check("refused means untouched", !p.changed, p.name)
	}
	for _, i := range r.Instances {
		if m := w.rigs[i.ID]; m.served {
			w.judge(whenEnded, scene{p: p, m: m, result: &r, of: &i, err: err})
		}
	}
}

func losesWithoutFault(s scene) string {
	if s.of.Outcome != OutOfService {
		return notAsked
	}
	p, m := s.p, s.m
	if p.troubles[m.ID] || p.troubles[""] || p.lost || p.w.broken || !m.disturbed.IsZero() || p.w.latest > time.Minute || leftAlone(m, *s.of) {
		return ""
	}
	return fmt.Sprintf("%s lost %s: %s", p.name, m.ID, s.of.Error)
}

// leftAlone reports whether the fault was at another instance: recovery does not take out the last healthy target of a zone,
// and one that was there too was terminated. The zone of an instance in its place is known to the next command only.
func leftAlone(m *rig, of InstanceResult) bool {
	terminated := func(other *rig) bool { return other.lost && other.Zone == m.Zone }
	return of.Outcome == OutOfService && strings.Contains(of.Error, "stays registered") &&
		strings.Contains(of.Error, "last healthy target of zone "+m.Zone+" ") && m.w.anyRig(terminated)
}

// sure reports whether the process can know what it says about the instance: it held the lease to the end, and no hazard
// came meanwhile.
func (s scene) sure() bool {
	return s.of.Outcome != OutOfService && !s.p.lost && !s.m.disturbed.After(s.p.began)
}

func claimsService(s scene) string {
	if !s.sure() || s.of.Outcome != Updated && s.of.Outcome != Restored {
		return notAsked
	}
	if b := s.m.current; b == nil || !b.running || !b.proven {
		return fmt.Sprintf("%s: %s is %s, but %s", s.p.name, s.m.ID, s.of.Outcome, s.m.serves())
	}
	return ""
}

func claimsRelease(s scene) string {
	if !s.sure() || s.m.current == nil || s.of.Release == "" {
		return notAsked
	}
	if digestOf(s.m.current.release) != s.of.Release {
		return fmt.Sprintf("%s: %s is said to run %s, runs %d", s.p.name, s.m.ID, s.of.Release, s.m.current.release)
	}
	return ""
}

func claimsOneDigest(s scene) string {
	if !s.sure() || s.result.Outcome != Deployed && s.result.Outcome != UnchangedRun {
		return notAsked
	}
	if b := s.m.current; b == nil || !b.running || digestOf(b.release) != s.result.Release.Digest() {
		return fmt.Sprintf("%s: %s after %s", s.p.name, s.m.ID, s.result.Outcome)
	}
	return ""
}

func claimsSuccess(s scene) string {
	if !s.sure() || s.result.Outcome != Deployed && s.result.Outcome != UnchangedRun {
		return notAsked
	}
	if serves := s.m.serves(); serves != "" && !s.m.faulted["deregister"] && !s.m.faulted["register"] {
		return fmt.Sprintf("%s: %s %s", s.p.name, s.m.ID, serves)
	}
	return ""
}

// healedUnrouted: recovery ends when the load balancer routes to what it registered, because the next run counts on it.
func healedUnrouted(s scene) string {
	w := s.p.w
	if !s.p.healing || !s.sure() || s.result.Outcome != Healed || w.policy.Drain.Fixed || s.p.ctx.Err() != nil {
		return notAsked
	}
	for _, t := range s.m.targets {
		if e := w.book[t]; e != nil && e.gone.IsZero() && e.since.After(s.p.began) && time.Since(e.since) < e.joins {
			return fmt.Sprintf("%s healed %s, and %s routes to it in %s", s.p.name, s.m.ID, t.Group, e.joins-time.Since(e.since))
		}
	}
	return ""
}

// ending checks what must be true once nothing goes wrong any more and the last command has healed.
func (w *sim) ending() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flow()
	for _, m := range w.fleet {
		if m.served && !m.cutOff && !m.lost {
			w.judge(whenOver, scene{m: m})
		}
	}
	w.judge(whenDone, scene{m: w.fleet[0]})
}

func outOfServiceAtEnd(s scene) string {
	if s.m.lateOut {
		return notAsked
	}
	if serves := s.m.serves(); serves != "" {
		return s.m.ID + " " + serves
	}
	return ""
}

func keptAtEnd(s scene) string {
	if s.m.w.mayKeep(s.m) {
		return notAsked
	}
	return kept(s.m)
}

func kept(m *rig) string {
	if m.previous != nil || m.next != nil {
		return fmt.Sprintf("%s keeps a container: previous %v, next %v", m.ID, m.previous != nil, m.next != nil)
	}
	return ""
}

func toldAtEnd(s scene) string {
	b := s.m.current
	for _, port := range []string{"drain", "undrain", "connect", "inspect"} { // an instance that is not reached is registered all the same
		if s.m.faulted[port] {
			return notAsked
		}
	}
	if b == nil {
		return notAsked
	}
	if b.told {
		return s.m.ID + " still sends its clients away"
	}
	return ""
}

func failedConnections(s scene) string {
	w := s.m.w
	if w.policy.Drain.Fixed {
		return notAsked
	}
	if w.deaf > 0 {
		return fmt.Sprintf("%.3f connections found nobody listening", w.deaf)
	}
	return ""
}

func nobodyRouted(s scene) string {
	w := s.m.w
	if w.policy.Drain.Fixed || w.policy.Downtime || !w.servedAll {
		return notAsked
	}
	if w.unmet > 0 {
		return fmt.Sprintf("the load balancer routed to nobody for %.3fs", w.unmet)
	}
	return ""
}

// servesAll reports whether each group has an instance to route to.
func (w *sim) servesAll() bool {
	for _, g := range w.timing {
		if !w.anyRig(func(m *rig) bool {
			return m.served && slices.ContainsFunc(m.targets, func(t Target) bool { return t.Group == g.Group && !slices.Contains(m.takenOut, t) })
		}) {
			return false
		}
	}
	return true
}

// finale checks what a deploy in calm after all that makes of the fleet.
func (w *sim) finale(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	deployed := p.result.Outcome == Deployed
	w.check("a calm deploy succeeds", deployed || w.mayRefuse(p.result), fmt.Sprintf("it ended %s: %s", p.result.Outcome, p.result.Error))
	for _, m := range w.fleet {
		if deployed && !m.cutOff && !m.lost {
			broken := kept(m)
			w.check("nothing kept after a calm deploy", broken == "", broken)
		}
	}
	w.took = time.Since(w.began)
}

// mayRefuse excuses a deploy to a fleet that is not whole, or too small for its policy.
func (w *sim) mayRefuse(r Result) bool {
	return w.anyRig(func(m *rig) bool { return m.cutOff || m.lost || m.struck.now() || !m.served }) ||
		strings.Contains(r.Error, "alone serves target group") || strings.Contains(r.Error, "can never leave")
}

// mayKeep excuses a kept container: settling is never fatal, a run that is broken off does not settle, and recovery does not
// where it had to leave the new container.
func (w *sim) mayKeep(m *rig) bool {
	for _, port := range []string{"settle", "record", "connect", "inspect"} {
		if m.faulted[port] {
			return true
		}
	}
	left := func(of InstanceResult) bool { return of.ID == m.ID && leftAlone(m, of) }
	return w.tally["cancelled"] > 0 || slices.ContainsFunc(w.ledger.holder.result.Instances, left)
}

// tooLong is when a story has to have ended.
const tooLong = 14 * 24 * time.Hour
