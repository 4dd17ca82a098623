package rollout

import (
	"fmt"
	"sync"
	"time"
)

// sim is one story being told: the fleet and its load balancer, the ledger, and
// what was seen to be wrong. It lives in a synctest bubble.
type sim struct {
	story
	mu        sync.Mutex
	began     time.Time
	took      time.Duration // by the story's clock
	fleet     []*rig
	rigs      map[string]*rig
	targetsOf map[string][]Target
	book      map[Target]*entry

	flowed time.Time
	routed []*rig  // scratch of reroute
	deaf   float64 // seconds in which connections came to an instance where nobody listened
	dark   bool    // a group routes to nobody who listens
	unmet  float64 // seconds in which it did

	ledger ledger
	floors map[string]int
	asked  map[string]int // how often each question was put to the dice
	calm   bool           // nothing new goes wrong
	over   chan struct{}  // closed when no command is left
	broken bool           // a process was killed, cancelled or fenced

	mutant *mutant
	tally  tally
	wrongs []string // violations
	trace  func(string)
}

func newSim(s story) *sim {
	w := &sim{
		story: s, began: time.Now(), flowed: time.Now(), tally: tally{}, over: make(chan struct{}),
		rigs: map[string]*rig{}, targetsOf: map[string][]Target{}, book: map[Target]*entry{},
		floors: map[string]int{}, asked: map[string]int{},
	}
	s.count(w.tally)
	long := time.Now().Add(-time.Hour)
	for _, t := range s.seats {
		m := &rig{seat: t, w: w, pulled: map[int]bool{}, faulted: map[string]bool{}, served: !t.down && len(t.targets) > 0}
		if !t.down {
			m.current = &box{release: 1, running: true, proven: true, labelled: w.roll("labelled", 0).chance(0.7)}
		} else {
			m.downSince = long
		}
		w.fleet, w.rigs[t.ID] = append(w.fleet, m), m
		w.targetsOf[t.ID] = t.targets
		if len(t.targets) == 0 {
			for _, g := range s.timing {
				w.targetsOf[t.ID] = append(w.targetsOf[t.ID], Target{g.Group, t.ID, g.Port})
			}
		}
		for _, target := range t.targets {
			w.book[target] = &entry{Target: target, since: long}
		}
	}
	w.reroute()
	return w
}

func (w *sim) locked(do func()) func() {
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		do()
	}
}

// next counts how often a question was asked.
func (w *sim) next(question string) int {
	w.asked[question]++
	return w.asked[question]
}

// note counts a step, and tells it when somebody listens.
func (w *sim) note(what, about string) {
	w.tally["steps"]++
	at := time.Since(w.began)
	if w.trace != nil {
		w.trace(fmt.Sprintf("%12s  %s %s", at.Round(time.Millisecond), what, about))
	}
}

// check counts a check and notes when it fails.
func (w *sim) check(name string, holds bool, format string, args ...any) {
	w.tally["checks: "+name]++
	if holds {
		return
	}
	text := fmt.Sprintf("after %s: %s: ", time.Since(w.began).Round(time.Millisecond), name) + fmt.Sprintf(format, args...)
	w.wrongs = append(w.wrongs, text)
	if w.trace != nil {
		w.trace("VIOLATED " + text)
	}
}
