package rollout

import (
	"slices"
	"time"
)

// box is one container.
type box struct {
	release    int
	running    bool
	stopping   chan struct{} // its stop was asked for; closed when it has ended
	proven     bool
	told       bool // it sends its clients away
	connection float64
	outcome    defect
	labelled   bool // a rollout made it
}

// defect is what is wrong with a release on one instance.
type defect string

const (
	sound     defect = ""
	exits     defect = "exits"
	mute      defect = "never answers"
	unhealthy defect = "is never healthy behind the load balancer"
)

// rig is an instance of the simulated fleet: its containers by the names that
// mark where a swap stands, and what the load balancer thinks of it.
type rig struct {
	seat
	w                       *sim
	current, previous, next *box
	pulled                  map[int]bool
	downSince               time.Time // since when nothing listens; zero: something does
	rate                    float64   // connections a second that reach it now
	served                  bool      // it served when the story began
	lateJoin                bool      // a registration was applied after its caller gave up
	faulted                 map[string]bool
}

// listener is the container that takes connections now.
func (m *rig) listener() *box {
	for _, b := range []*box{m.current, m.previous} {
		if b != nil && b.running {
			return b
		}
	}
	return nil
}

func (m *rig) listens() bool { return m.listener() != nil }

// serves reports whether the instance is in service: what recovery owes it.
func (m *rig) serves() string {
	b := m.listener()
	switch {
	case b == nil:
		return "runs nothing"
	case b != m.current || b.stopping != nil:
		return "runs a container whose stop was asked for"
	case !b.proven:
		return "runs a container that was never proven"
	}
	for _, t := range m.targets {
		if entry := m.w.book[t]; entry == nil || !entry.gone.IsZero() {
			return "is out of " + t.Group
		}
	}
	return ""
}

// changed notes that the containers changed: connections go elsewhere now.
func (m *rig) changed() {
	switch listening := m.listener() != nil; {
	case listening:
		m.downSince = time.Time{}
	case m.downSince.IsZero():
		m.downSince = time.Now()
		time.AfterFunc(noticed+time.Nanosecond, m.w.locked(m.w.reroute))
	}
	m.w.reroute()
}

// stop asks a container to end; it does after its grace whether anybody waits or not.
func (m *rig) stop(b *box, grace time.Duration) {
	if b == nil || b.stopping != nil || !b.running {
		return
	}
	gone := make(chan struct{})
	b.stopping = gone
	time.AfterFunc(grace, m.w.locked(func() { m.ended(b, gone) }))
}

func (m *rig) ended(b *box, gone chan struct{}) {
	select {
	case <-gone:
		return // it was killed meanwhile
	default:
		close(gone)
	}
	m.w.flow()
	b.running, b.proven = false, false
	m.w.note("stopped", m.ID)
	m.changed()
}

// membership of a target in the load balancer's book.
type entry struct {
	Target
	since, gone time.Time // gone: deregistered then
	// What this registration takes: to be checked, to be routed to, and to be
	// routed to no more once it is gone.
	checks, joins, leaves time.Duration
}

const (
	// noticed is how long health checks take to fail.
	noticed = 35 * time.Second
	// longestLag is how long the load balancer may go on routing to what left.
	longestLag = 118 * time.Second
)

func (w *sim) register(targets []Target) {
	for _, t := range targets {
		if e := w.book[t]; e != nil && e.gone.IsZero() {
			continue
		}
		question := "register/" + t.Instance + t.Group
		d := w.roll(question, w.next(question))
		e := &entry{Target: t, since: time.Now()}
		e.checks, e.joins, e.leaves = d.between(20*time.Second, 60*time.Second), d.between(60*time.Second, 120*time.Second), d.between(5*time.Second, longestLag)
		w.book[t] = e
		time.AfterFunc(e.joins, w.locked(w.reroute))
	}
	w.reroute()
}

func (w *sim) deregister(targets []Target) {
	for _, t := range targets {
		e := w.book[t]
		if e == nil || !e.gone.IsZero() {
			continue
		}
		e.gone = time.Now()
		time.AfterFunc(e.leaves, w.locked(w.reroute))
		time.AfterFunc(300*time.Second, w.locked(func() {
			if w.book[t] == e {
				delete(w.book, t)
			}
		}))
	}
	w.reroute()
}

// state is what the load balancer says of a target.
func (w *sim) state(e *entry) TargetState {
	m := w.rigs[e.Instance]
	switch b := m.listener(); {
	case !e.gone.IsZero():
		return TargetDraining
	case time.Since(e.since) < e.checks:
		return TargetInitial
	case m.troubledNow(), b == nil, b.outcome == unhealthy:
		return TargetUnhealthy
	default:
		return TargetHealthy
	}
}

func (m *rig) troubledNow() bool {
	since := time.Since(m.w.began)
	return m.troubled > 0 && since >= m.troubled && since < m.better
}

func (m *rig) cutOffNow() bool { return m.cutOff > 0 && time.Since(m.w.began) >= m.cutOff }

// health is every target in a fixed order, as the API answers.
func (w *sim) health() Health {
	var h Health
	for _, m := range w.fleet {
		for _, t := range w.targetsOf[m.ID] {
			if e := w.book[t]; e != nil {
				h = append(h, TargetHealth{Target: t, State: w.state(e)})
			}
		}
	}
	return h
}

// flow counts the connections since the last change: rates hold between changes.
func (w *sim) flow() {
	now := time.Now()
	elapsed := now.Sub(w.flowed).Seconds()
	w.flowed = now
	if elapsed <= 0 {
		return
	}
	if w.dark {
		w.unmet += elapsed
		w.note("nobody is routed to", "")
	}
	for _, m := range w.fleet {
		b := m.listener()
		if b != nil {
			b.connection += m.rate * elapsed
			if m.source == KernelCount {
				b.connection += m.probes * elapsed
			}
			continue
		}
		if m.rate > 0 && m.served && !m.lateJoin {
			w.deaf += elapsed
			w.note("deaf to connections", m.ID)
		}
	}
}

// reroute spreads the clients over whoever the load balancer sends to.
func (w *sim) reroute() {
	w.flow()
	if w.clients == 0 {
		return
	}
	for _, m := range w.fleet {
		m.rate = 0
	}
	w.dark = false
	for _, t := range w.timing {
		w.routed = w.routed[:0]
		w.eachRouted(t.Group, func(e *entry) { w.routed = append(w.routed, w.rigs[e.Instance]) })
		w.dark = w.dark || !slices.ContainsFunc(w.routed, (*rig).listens)
		if len(w.routed) == 0 { // with nobody healthy it sends to all that are registered
			w.eachRegistered(t.Group, func(e *entry) { w.routed = append(w.routed, w.rigs[e.Instance]) })
		}
		// Where nobody else could serve, no drain would help.
		if !slices.ContainsFunc(w.routed, (*rig).listens) {
			continue
		}
		share := w.clients * float64(len(w.fleet)) / float64(len(w.routed)) / float64(len(w.timing))
		for _, m := range w.routed {
			m.rate += share
		}
	}
}

func (w *sim) eachRegistered(group string, do func(*entry)) {
	for _, m := range w.fleet {
		for _, t := range w.targetsOf[m.ID] {
			if e := w.book[t]; t.Group == group && e != nil && e.gone.IsZero() {
				do(e)
			}
		}
	}
}

func (w *sim) eachRouted(group string, do func(*entry)) {
	for _, m := range w.fleet {
		for _, t := range w.targetsOf[m.ID] {
			e := w.book[t]
			if t.Group != group || e == nil {
				continue
			}
			joined := e.gone.IsZero() && time.Since(e.since) >= e.joins && (m.downSince.IsZero() || time.Since(m.downSince) < noticed)
			leaving := !e.gone.IsZero() && time.Since(e.gone) < e.leaves && e.gone.Sub(e.since) >= e.joins
			if joined || leaving {
				do(e)
			}
		}
	}
}
