package rollout

import (
	"slices"
	"sync"
	"time"
)

// reporter passes the events of a run to its observer and collects the remarks for its report.
type reporter struct {
	observe   func(Event) // nil: nobody observes
	observing sync.Mutex  // held while observe runs, because an observer is called for one event at a time

	mu      sync.Mutex
	remarks []string
}

// emit passes an event of now to the observer.
func (r *reporter) emit(e Event) {
	if r.observe == nil {
		return
	}
	e.Time = time.Now()
	r.observing.Lock()
	defer r.observing.Unlock()
	r.observe(e)
}

// remark adds a sentence to the report and reports whether it is new.
func (r *reporter) remark(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.remarks, text) {
		return false
	}
	r.remarks = append(r.remarks, text)
	return true
}

// announce adds sentences to the report and passes those that are new to the observer.
func (r *reporter) announce(texts []string) {
	for _, text := range texts {
		if r.remark(text) {
			r.emit(Event{Kind: Remarked, Detail: text})
		}
	}
}
