package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// How often a line is repeated that differs from the last one only in figures, and how much of a pull must be done for
// another line.
const (
	pullEvery   = 5 * time.Second
	pullPercent = 10
	movedEvery  = 10 * time.Second
)

// Plain returns an observer that writes lines for a log: elapsed time, instance, step, and what happened. It writes a
// line again only when it has changed: one that differs only in figures at most every 10 s, and the progress of a pull
// only after another 10 % and 5 s.
func Plain(w io.Writer) func(rollout.Event) {
	return newPlain(w, Options{}).Observe
}

// plain writes lines. No line begins with text from elsewhere, because a CI system may run commands at the start of a
// line.
type plain struct {
	w     io.Writer
	o     Options
	names map[string]string

	mu      sync.Mutex
	started time.Time
	widest  int
	last    map[string]line // by instance
}

// line is the last line that was written about an instance.
type line struct {
	step    rollout.StepName
	kind    rollout.EventKind
	text    string
	at      time.Time
	percent int
}

func newPlain(w io.Writer, o Options) *plain {
	p := &plain{w: NewWriter(w), o: o, names: map[string]string{}, started: o.Started, widest: len("run"), last: map[string]line{}}
	for _, i := range o.Instances {
		p.names[i.ID] = nameOf(i)
		p.widest = max(p.widest, len(p.names[i.ID]))
	}
	return p
}

func nameOf(i rollout.Instance) string {
	if i.Name == "" {
		return Clean(i.ID)
	}
	return Clean(i.Name)
}

func (p *plain) Observe(e rollout.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.head(e)
	next := line{step: e.Step, kind: e.Kind, text: describe(e), at: e.Time}
	if e.Progress != nil {
		next.percent = percent(*e.Progress)
	}
	last, any := p.last[e.Instance]
	if next.text == "" || any && next.repeats(last, e.Progress != nil) {
		return
	}
	p.last[e.Instance] = next
	p.write(e, next.text)
}

// head writes the log's heading at the first event.
func (p *plain) head(e rollout.Event) {
	if len(p.last) > 0 {
		return
	}
	if p.started.IsZero() {
		p.started = e.Time
	}
	if p.o.Environment != "" {
		_, _ = fmt.Fprintln(p.w, p.title())
	}
}

func (p *plain) write(e rollout.Event, text string) {
	name, known := p.names[e.Instance]
	switch {
	case e.Instance == "":
		name = "run"
	case !known:
		name = Clean(e.Instance)
	}
	p.widest = max(p.widest, len(name))
	elapsed := since(p.started, e.Time).Seconds()
	// One write for each line, because lines of others must not come between its parts.
	_, _ = fmt.Fprintf(p.w, "%7.1fs  %-*s  %-10s  %s\n", elapsed, p.widest, name, Clean(string(e.Step)), text)
}

func (p *plain) Finish(d Document) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintln(p.w, Receipt(d))
}

// repeats reports whether the line says nothing that the last one did not.
func (l line) repeats(last line, pulling bool) bool {
	if l.step != last.step || l.kind != last.kind {
		return false
	}
	passed := l.at.Sub(last.at)
	switch {
	case l.text == last.text:
		return true
	case pulling:
		return passed < pullEvery || abs(l.percent-last.percent) < pullPercent
	case l.kind == rollout.StepMoved:
		return passed < movedEvery && withoutFigures(l.text) == withoutFigures(last.text)
	default:
		return false
	}
}

func withoutFigures(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' {
			return -1
		}
		return r
	}, text)
}

func abs(n int) int { return max(n, -n) }

// describe returns the words for an event.
func describe(e rollout.Event) string {
	detail := Clean(e.Detail)
	switch e.Kind {
	case rollout.StepMoved:
		if p := e.Progress; p != nil && p.Total > 0 {
			return fmt.Sprintf("pulled %d %% of %s", percent(*p), megabytes(p.Total))
		}
		return detail
	case rollout.StepFailed:
		return "FAILED: " + reason(e)
	case rollout.UndoFailed:
		return "UNDO FAILED: " + reason(e)
	case rollout.InstanceEnded:
		return "ended: " + detail
	case rollout.Forecast:
		return detail // empty if there is no estimate
	}
	if detail == "" {
		return Clean(string(e.Kind))
	}
	return Clean(string(e.Kind)) + ": " + detail
}

// title returns what the lines have in common: the release and the environment, or only the environment.
func (p *plain) title() string {
	if p.o.Release.Image == "" {
		return Clean(p.o.Environment)
	}
	return fmt.Sprintf("deploy %s to %s", Clean(p.o.Release.String()), Clean(p.o.Environment))
}
