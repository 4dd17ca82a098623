package rollout

import (
	"slices"
	"time"
)

// traffic is what clients do, and how the load balancer spreads them.
type traffic struct {
	bursts burst
	hold   time.Duration // how long a connection lasts

	flowed time.Time
	routes [][]*rig // by group: the instances that get new connections
	dark   bool     // a group routes to nobody who listens, and no hazard is the reason
	unmet  float64  // seconds in which it did
	deaf   float64  // connections, or seconds of them, that came to an instance where nobody listened
}

// burst is a pattern of clients: some connections at once, every so often, and if "of" is not zero only for "on" seconds
// of so many.
type burst struct {
	every  time.Duration
	size   int
	on, of int64
	apart  bool // all connections of a burst are to one target group
}

func (b burst) at(n int64) bool {
	return b.of == 0 || n*int64(b.every)/int64(time.Second)%b.of < b.on
}

// stayAway reports whether clients are away now that stay away for longer than a watch may have been, so that no drain sees
// through that, and come back only after this time.
func (w *sim) stayAway(long time.Duration) bool {
	b := w.bursts
	if time.Duration(b.of-b.on)*time.Second <= watchedIntervals*sampleInterval(w.policy.Drain.Quiet) {
		return false
	}
	now := time.Since(w.began)
	for n := int64(now/b.every) + 1; time.Duration(n)*b.every <= now+long; n++ {
		if b.at(n) {
			return false
		}
	}
	return true
}

// flow lets the clients connect that came since it was called last. Between two calls nothing about the routes changes.
func (w *sim) flow() {
	now := time.Now()
	from := w.flowed
	elapsed := now.Sub(from).Seconds()
	w.flowed = now
	if elapsed <= 0 {
		return
	}
	if w.dark {
		w.unmet += elapsed
		w.note("nobody is routed to", "")
	}
	for _, m := range w.fleet {
		if b := m.listener(); b != nil && m.source == KernelCount {
			b.connection += m.probes * elapsed
		}
		if m.rate > 0 {
			m.connect(m.rate*elapsed, m.rate*min(elapsed, w.hold.Seconds()), now)
		}
	}
	if w.bursts.size > 0 {
		w.burst(from, now)
	}
}

// burst spreads the bursts of a time at random over the instances that are routed to.
func (w *sim) burst(from, to time.Time) {
	every := int64(w.bursts.every)
	for n := int64(from.Sub(w.began))/every + 1; n*every <= int64(to.Sub(w.began)); n++ {
		if !w.bursts.at(n) {
			continue
		}
		d := w.roll("burst", int(n))
		group := d.IntN(len(w.routes))
		for range w.bursts.size {
			if !w.bursts.apart {
				group = d.IntN(len(w.routes))
			}
			if routed := w.routes[group]; len(routed) > 0 {
				routed[d.IntN(len(routed))].connect(1, 1, w.began.Add(time.Duration(n*every)))
			}
		}
	}
}

// connect lets clients open connections, of which some are open at the end of that time.
func (m *rig) connect(n, open float64, at time.Time) {
	b := m.listener()
	if b == nil {
		if m.served && !m.lateJoin && !m.off && !m.hurried {
			m.w.deaf += n
			m.w.note("deaf to connections", m.ID)
		}
		return
	}
	b.connection += n
	if m.w.hold == 0 {
		return
	}
	m.openCount = max(1, int(open))
	m.openUntil = at.Add(m.w.hold)
	if b.told {
		m.openUntil = at.Add(time.Second)
	}
}

// open is how many connections of clients are open.
func (m *rig) open() int {
	if time.Now().Before(m.openUntil) {
		return m.clings + m.openCount
	}
	return m.clings
}

// reroute spreads the clients over whoever the load balancer sends to.
func (w *sim) reroute() {
	w.flow()
	for _, m := range w.fleet {
		m.rate = 0
	}
	if w.routes == nil {
		w.routes = make([][]*rig, len(w.timing))
	}
	w.dark = false
	for i, t := range w.timing {
		routed := w.routes[i][:0]
		w.eachRouted(t.Group, func(e *entry) { routed = append(routed, w.rigs[e.Instance]) })
		w.dark = w.dark || !slices.ContainsFunc(routed, (*rig).listens) && !w.excusedIn(t.Group)
		if len(routed) == 0 { // with nobody healthy it sends to all that are registered
			w.eachRegistered(t.Group, func(e *entry) { routed = append(routed, w.rigs[e.Instance]) })
		}
		// Where nobody else could serve, no drain would help.
		if !slices.ContainsFunc(routed, (*rig).listens) {
			routed = routed[:0]
		}
		w.routes[i] = routed
		share := w.clients * float64(len(w.fleet)) / float64(len(routed)) / float64(len(w.timing))
		for _, m := range routed {
			m.rate += share
		}
	}
}

// excusedIn reports whether a hazard keeps an instance from serving in the group, so that nobody may be left there.
func (w *sim) excusedIn(group string) bool {
	return w.anyRig(func(m *rig) bool {
		return (m.struck.now() || m.freed[group]) && m.has(group)
	})
}

// has reports whether the instance has, or had, a target in the group.
func (m *rig) has(group string) bool {
	return slices.ContainsFunc(m.w.targetsOf[m.ID], func(t Target) bool { return t.Group == group })
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
			if e := w.book[t]; t.Group == group && e != nil && (w.joined(e) || e.leaving()) {
				do(e)
			}
		}
	}
}

// joined reports whether the load balancer routes to a registered target.
func (w *sim) joined(e *entry) bool {
	m := w.rigs[e.Instance]
	joined := e.gone.IsZero() && time.Since(e.since) >= e.joins && (m.downSince.IsZero() || time.Since(m.downSince) < noticed)
	if joined && m.freed[e.Group] {
		delete(m.freed, e.Group)
	}
	return joined
}

// leaving reports whether the load balancer still routes to a deregistered target.
func (e *entry) leaving() bool {
	return !e.gone.IsZero() && time.Since(e.gone) < e.leaves && e.gone.Sub(e.since) >= e.joins
}
