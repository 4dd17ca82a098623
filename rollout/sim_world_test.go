package rollout

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// sim is one story as it goes on: the fleet and its load balancer, the ledger, and what was seen to be wrong. It lives in
// a synctest bubble.
type sim struct {
	story
	mu        sync.Mutex
	began     time.Time
	took      time.Duration // by the story's clock
	fleet     []*rig
	rigs      map[string]*rig
	targetsOf map[string][]Target
	book      map[Target]*entry
	traffic

	ledger    ledger
	floors    map[string]int
	asked     map[string]int // how often each question was put to the dice
	calm      bool           // nothing new goes wrong
	over      chan struct{}  // closed when no command is left
	servedAll bool           // each group had an instance to route to when the story began
	broken    bool           // a process was killed, cancelled, paused or fenced

	// What the story's hazards set.
	lag                      time.Duration // at most, until the load balancer routes to a target, or does not any more
	latest                   time.Duration // at most, between the answer that a call failed and its being applied
	partial                  float64       // share of the calls that are applied to some of their targets
	answersAfter, answersOld time.Duration
	before                   Health // what old answers show
	beforeUntil              time.Time
	skewed                   bool
	jumped                   time.Duration

	mutant *mutant
	tally  tally
	wrongs []string // violations
	trace  func(string)
}

func newSim(s story, m *mutant, trace func(string)) *sim {
	w := &sim{
		story: s, began: time.Now(), tally: tally{}, over: make(chan struct{}),
		rigs: map[string]*rig{}, targetsOf: map[string][]Target{}, book: map[Target]*entry{},
		floors: map[string]int{}, asked: map[string]int{},
		lag: 120 * time.Second, latest: 50 * time.Second, mutant: m, trace: trace,
	}
	w.mu.Lock() // what happens at once waits until the world is complete
	defer w.mu.Unlock()
	w.flowed = w.began
	s.count(w.tally)
	for _, t := range s.seats {
		m := w.rig(t)
		w.fleet, w.rigs[t.ID] = append(w.fleet, m), m
		w.targetsOf[t.ID] = t.targets
		if len(t.targets) == 0 {
			for _, g := range s.timing {
				w.targetsOf[t.ID] = append(w.targetsOf[t.ID], Target{g.Group, t.ID, g.Port})
			}
		}
		for _, target := range t.targets {
			e := &entry{Target: target, since: w.began.Add(-time.Hour)}
			w.lasts(e, w.roll("register/"+target.Instance+target.Group, 0))
			w.book[target] = e
		}
	}
	w.arrange()
	w.servedAll = w.servesAll()
	w.reroute()
	return w
}

// rig is a new instance with its first container.
func (w *sim) rig(s seat) *rig {
	m := &rig{seat: s, w: w, pulled: map[int]bool{}, faulted: map[string]bool{}, freed: map[string]bool{}, served: !s.down && len(s.targets) > 0}
	if s.down {
		m.downSince = w.began.Add(-time.Hour)
	} else {
		m.current = &box{release: 1, running: true, proven: true, labelled: w.roll("labelled", 0).chance(0.7)}
	}
	return m
}

// add puts a new instance into the fleet and registers it.
func (w *sim) add(m *rig) {
	if w.rigs[m.ID] != nil {
		return
	}
	w.fleet, w.rigs[m.ID] = append(w.fleet, m), m
	w.targetsOf[m.ID] = m.targets
	w.strikes(m, "newcomer")
	w.register(m.targets, true)
}

// find returns an instance by its ID.
func (w *sim) find(id string) *rig {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rigs[id]
}

func (w *sim) jumps() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.jumped
}

func (w *sim) locked(do func()) func() {
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.flow()
		do()
	}
}

// in calls do after some time. Whatever changes the world by itself comes this way.
func (w *sim) in(after time.Duration, do func()) { time.AfterFunc(after, w.locked(do)) }

// span is a time in which something holds.
type span struct{ from, until time.Time }

// forEver is longer than a story.
const forEver = 10 * tooLong

func after(long time.Duration) span { return span{time.Now(), time.Now().Add(long)} }

func (s span) now() bool { return time.Now().Before(s.until) }

func (s span) held(at time.Time) bool { return !at.Before(s.from) && at.Before(s.until) }

// next counts how often a question was asked.
func (w *sim) next(question string) int {
	w.asked[question]++
	return w.asked[question]
}

// note counts a step, and prints it if somebody reads the story.
func (w *sim) note(what, about string) {
	w.tally["steps"]++
	if w.trace != nil {
		w.trace(fmt.Sprintf("%12s  %s %s", time.Since(w.began).Round(time.Millisecond), what, about))
	}
}

// violate notes that a check failed.
func (w *sim) violate(name, text string) {
	text = fmt.Sprintf("after %s: %s: %s", time.Since(w.began).Round(time.Millisecond), name, text)
	w.wrongs = append(w.wrongs, text)
	if w.trace != nil {
		w.trace("VIOLATED " + text)
	}
}

// anyRig reports whether so holds for an instance of the fleet.
func (w *sim) anyRig(so func(*rig) bool) bool { return slices.ContainsFunc(w.fleet, so) }
