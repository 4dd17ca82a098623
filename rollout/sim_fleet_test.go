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

// rig is an instance of the simulated fleet: its containers by the names that mark where a swap stands, and what the load
// balancer and hazards make of it.
type rig struct {
	seat
	w                       *sim
	current, previous, next *box
	pulled                  map[int]bool
	downSince               time.Time // since when nothing listens; zero: something does
	rate                    float64   // connections a second that reach it now
	openCount               int       // connections that are open until openUntil
	openUntil               time.Time
	clings                  int             // clients that never close their connection
	served                  bool            // it served when the story began
	freed                   map[string]bool // by group: it left when the load balancer did not call it healthy, so that it cost no capacity
	lateOut                 bool            // it was deregistered by a call that was applied very late
	lateJoin                bool            // a registration was applied after its caller gave up
	hurried                 bool            // a process that was told to end did not wait for its drain
	faulted                 map[string]bool

	// What hazards do to it.
	off         bool      // nothing runs and nobody answers
	lost        bool      // for ever
	cutOff      bool      // it cannot be reached any more
	struck      span      // it may not serve, and no command is the reason
	disturbed   time.Time // by the latest hazard
	unhealthy   span
	unreachable span
	unread      span   // connections cannot be counted
	half        bool   // but those that are open can
	refused     Target // it cannot be registered
	refusedFor  span
	takenOut    []Target // by somebody else
}

// strike notes that a hazard may keep the instance from serving for some time.
func (m *rig) strike(long time.Duration) {
	m.disturb()
	if s := after(long); s.until.After(m.struck.until) {
		m.struck = s
	}
	m.w.in(long+time.Nanosecond, m.w.reroute)
}

func (m *rig) disturb() { m.disturbed = time.Now() }

// listener is the container that takes connections now.
func (m *rig) listener() *box {
	if m.off {
		return nil
	}
	for _, b := range []*box{m.current, m.previous} {
		if b != nil && b.running {
			return b
		}
	}
	return nil
}

func (m *rig) listens() bool { return m.listener() != nil }

// serves returns why the instance is not in service; empty: it is. That is what recovery owes it.
func (m *rig) serves() string {
	b := m.listener()
	switch {
	case b == nil:
		return "runs nothing"
	case b != m.current || b.stopping != nil:
		return "runs a container whose stop was requested"
	case !b.proven:
		return "runs a container that was never proven"
	}
	for _, t := range m.targets {
		if entry := m.w.book[t]; entry == nil || !entry.gone.IsZero() {
			if !slices.Contains(m.takenOut, t) {
				return "is out of " + t.Group
			}
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
		m.w.in(noticed+time.Nanosecond, m.w.reroute)
	}
	m.w.reroute()
}

// stop requests that a container ends; it does after its grace whether anybody waits or not.
func (m *rig) stop(b *box, grace time.Duration) {
	if b == nil || b.stopping != nil || !b.running {
		return
	}
	gone := make(chan struct{})
	b.stopping = gone
	m.w.in(grace, func() { m.ended(b, gone) })
}

func (m *rig) ended(b *box, gone chan struct{}) {
	select {
	case <-gone:
		return // it was killed meanwhile
	default:
		close(gone)
	}
	b.running, b.proven = false, false
	m.w.note("stopped", m.ID)
	m.changed()
}

// entry is a target in the load balancer's book.
type entry struct {
	Target
	since, gone time.Time // gone: deregistered then
	// What this registration takes: to be checked, to be routed to, and to be
	// routed to no more once it is gone.
	checks, joins, leaves time.Duration
	byHand                bool // no process registered it
	late                  bool // it was deregistered by a call that had failed
	// shows is a state that the load balancer reports for some time instead of its own.
	shows    TargetState
	reason   string
	showsFor span
}

// noticed is how long health checks take to fail.
const noticed = 35 * time.Second

// lasts draws how long the load balancer takes for a registration.
func (w *sim) lasts(e *entry, d *die) {
	e.checks, e.joins, e.leaves = d.between(20*time.Second, 60*time.Second), d.between(w.lag/2, w.lag), d.between(5*time.Second, w.lag-2*time.Second)
}

func (w *sim) register(targets []Target, byHand bool) {
	for _, t := range targets {
		if e := w.book[t]; e != nil && e.gone.IsZero() || w.rigs[t.Instance].lost {
			continue
		}
		w.remember()
		question := "register/" + t.Instance + t.Group
		e := &entry{Target: t, since: time.Now(), byHand: byHand}
		w.rigs[t.Instance].lateOut = false
		w.lasts(e, w.roll(question, w.next(question)))
		w.in(e.joins, w.reroute)
		w.book[t] = e
	}
	w.reroute()
}

// costs reports whether capacity is lost when the target leaves.
func (w *sim) costs(e *entry) bool {
	return slices.Contains([]TargetState{TargetHealthy, TargetInitial, TargetUnavailable}, w.state(e))
}

// free reports whether it costs no capacity, as the process decides it now, that an instance's targets leave. An instance that
// failed its checks at the look by which it may leave can be healthy again now, because that look is up to one polling
// interval old.
func (p *process) free(targets []Target) bool {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(p.looked) <= w.policy.Poll && w.rigs[targets[0].Instance].unhealthy.held(p.looked) {
		return true
	}
	return !slices.ContainsFunc(targets, func(t Target) bool { return w.book[t] != nil && w.costs(w.book[t]) })
}

// deregister takes targets out. uncalled is set if no process that holds the lease would do that now.
func (w *sim) deregister(targets []Target, late, uncalled bool) {
	for _, t := range targets {
		e := w.book[t]
		if e == nil || !e.gone.IsZero() {
			continue
		}
		w.remember()
		e.late = late
		if uncalled || !w.costs(e) {
			w.rigs[t.Instance].freed[t.Group] = true
		}
		w.leave(e, time.Now())
	}
	w.reroute()
}

// leave deregisters a target at that time. It is in the book as long as it drains or is routed to.
func (w *sim) leave(e *entry, at time.Time) {
	e.gone = at
	w.in(e.leaves-time.Since(at), w.reroute)
	w.in(max(e.leaves, w.delayOf(e.Group))-time.Since(at), func() {
		if w.book[e.Target] == e {
			delete(w.book, e.Target)
		}
	})
}

func (w *sim) delayOf(group string) time.Duration {
	for _, t := range w.timing {
		if t.Group == group {
			return t.Delay
		}
	}
	return 0
}

// state is what the load balancer reports of a target. It is empty when the target has drained.
func (w *sim) state(e *entry) TargetState {
	m := w.rigs[e.Instance]
	switch b := m.listener(); {
	case !e.gone.IsZero() && time.Since(e.gone) > w.delayOf(e.Group):
		return ""
	case !e.gone.IsZero():
		return TargetDraining
	case m.lost, m.off && m.cutOff:
		return TargetUnused
	case e.showsFor.now():
		return e.shows
	case time.Since(e.since) < e.checks:
		return TargetInitial
	case m.unhealthy.now(), b == nil, b.outcome == unhealthy:
		return TargetUnhealthy
	default:
		return TargetHealthy
	}
}

// health is every target in a fixed order, as the API answers.
func (w *sim) health() Health {
	var h Health
	for _, m := range w.fleet {
		for _, t := range w.targetsOf[m.ID] {
			e := w.book[t]
			if e == nil || w.state(e) == "" {
				continue
			}
			one := TargetHealth{Target: t, State: w.state(e)}
			if e.showsFor.now() && one.State == e.shows {
				one.Reason = e.reason
			}
			h = append(h, one)
		}
	}
	return h
}

// remember keeps what the load balancer reported before an act, if the story has old answers.
func (w *sim) remember() {
	if w.answersOld > 0 && !w.calm && time.Now().After(w.beforeUntil) {
		w.before, w.beforeUntil = w.health(), time.Now().Add(w.answersOld)
	}
}

// answers is what a question for health is answered that is sent now.
func (w *sim) answers() Health {
	if time.Now().Before(w.beforeUntil) {
		return slices.Clone(w.before)
	}
	return w.health()
}
