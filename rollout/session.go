package rollout

import (
	"fmt"
	"time"
)

// session holds what every part of a run uses: its settings and ports, the reporter, the shared polls of target health,
// and the estimate.
type session struct {
	Config
	started time.Time
	report  *reporter
	poller  *healthPoller
	eta     *eta // nil until the fleet was surveyed, and in recovery and replacement
}

func newSession(c Config) *session {
	s := &session{Config: c, started: time.Now(), report: &reporter{observe: c.Observe}}
	if s.ID == "" {
		s.ID = NewID(s.started)
	}
	if s.stopwatch == nil {
		s.stopwatch = newStopwatch
	}
	if s.Journal == nil {
		s.Journal = noJournal{}
	}
	return s
}

// instanceReporter reports what happens to one instance.
type instanceReporter struct {
	*session
	instance string
}

func (r instanceReporter) emit(e Event) {
	e.Instance, e.Log = r.instance, logLines(e.Err)
	r.report.emit(e)
}

// moved reports that a step goes on.
func (r instanceReporter) moved(name StepName, detail string) {
	r.emit(Event{Step: name, Kind: StepMoved, Detail: detail})
	r.eta.announce()
}

// remark reports something that changes nothing, to the observer and in the report.
func (r instanceReporter) remark(name StepName, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.report.remark(r.instance + ": " + text)
	r.emit(Event{Step: name, Kind: Remarked, Detail: text})
}
