package report

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// mostBuffered is the number of events that a [Buffer] holds for an observer that does not return.
const mostBuffered = 10_000

// Buffer passes events to observers that may be slow or blocked, for example because they write to a pipe that nobody
// reads. A run never waits for them. While they are busy, a new progress event replaces the older one of the same
// instance and step. If the buffer is full, progress is dropped first, and then every new event; the observers receive
// one remark about it. The zero value has no observers.
type Buffer struct {
	observers []func(rollout.Event)

	mu      sync.Mutex
	held    []rollout.Event
	dropped int
	idle    chan struct{} // closed when the observers have received every event; nil if they already have
}

// Add adds an observer, which is called with one event at a time. It does nothing if observe is nil. All observers have
// to be added before the first event.
func (b *Buffer) Add(observe func(rollout.Event)) {
	if observe != nil {
		b.observers = append(b.observers, observe)
	}
}

// Observe adds an event and returns at once.
func (b *Buffer) Observe(e rollout.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if isProgress(e) {
		b.held = slices.DeleteFunc(b.held, func(old rollout.Event) bool {
			return old.Kind == e.Kind && old.Instance == e.Instance && old.Step == e.Step
		})
	}
	if len(b.held) == mostBuffered {
		b.dropped++
		at := slices.IndexFunc(b.held, isProgress)
		if at < 0 {
			return
		}
		b.held = slices.Delete(b.held, at, at+1)
	}
	b.held = append(b.held, e)
	if b.idle == nil {
		b.idle = make(chan struct{})
		go b.deliver()
	}
}

// Flush waits until the observers have received every event.
func (b *Buffer) Flush() {
	b.mu.Lock()
	idle := b.idle
	b.mu.Unlock()
	if idle != nil {
		<-idle
	}
}

func (b *Buffer) deliver() {
	for e, ok := b.next(); ok; e, ok = b.next() {
		for _, observe := range b.observers {
			observe(e)
		}
	}
}

// next returns the next event to deliver, and false if there is none.
func (b *Buffer) next() (e rollout.Event, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.held) > 0:
		e, b.held = b.held[0], b.held[1:]
	case b.dropped > 0:
		text := fmt.Sprintf("%d events are not shown, because the output was not read in time", b.dropped)
		e, b.dropped = rollout.Event{Time: time.Now(), Kind: rollout.Remarked, Detail: text}, 0
	default:
		close(b.idle)
		b.idle = nil
		return e, false
	}
	return e, true
}

// isProgress reports whether a later event of the same kind makes this one obsolete.
func isProgress(e rollout.Event) bool {
	return e.Kind == rollout.StepMoved || e.Kind == rollout.Forecast
}
