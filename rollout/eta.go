package rollout

import (
	"fmt"
	"sync"
	"time"
)

// eta estimates when a run is over if nothing goes wrong, and passes the estimate on when it changes. The duration of
// a row of the table is guessed from the policy and the target groups until the run has observed one. A nil eta
// estimates nothing, because recovery and replacement have no estimate.
type eta struct {
	report  *reporter
	rows    map[StepName]*typical
	gathers typical       // from a batch's turn until there is capacity for it
	rests   time.Duration // between a batch in service and the next one leaving
	bakes   bool          // the last batch rests too

	mu    sync.Mutex
	stage stage
	since time.Time // the stage began
	ahead int       // batches that have not begun yet
	began time.Time // the run began
	told  time.Time // the end that was reported last; zero: none was

	reporting sync.Mutex // held while an estimate is made and reported, so that the last report is the last estimate
}

// stage is one part of a run, for the estimate.
type stage int

const (
	// stagePreparing: the first batch has not left.
	stagePreparing stage = iota
	// stageUpdating: a batch is out of service.
	stageUpdating
	// stageResting: the batch before is in service again, and the next one has not left.
	stageResting
	// stageReturning: a batch is out that goes back. The others follow without a rest.
	stageReturning
	// stageAbandoned: the run does not go as planned, so there is no estimate.
	stageAbandoned
)

// typical is the time that something takes a batch: a guess until it was observed, then the mean of the observations.
type typical struct {
	guess   time.Duration
	batches []time.Duration // each one's slowest instance
	counted bool            // the last of batches is the batch that is out
}

func (t typical) duration() time.Duration {
	if len(t.batches) == 0 {
		return t.guess
	}
	var sum time.Duration
	for _, took := range t.batches {
		sum += took
	}
	return sum / time.Duration(len(t.batches))
}

// newETA returns the first estimate, nil if there are no batches. It assumes that a drain takes the routing lag, because
// nothing shows yet that it will be quiet earlier, and that a join takes the lag or the health checks.
func newETA(p Policy, groups []Timing, batches int, report *reporter) *eta {
	if batches == 0 {
		return nil
	}
	e := &eta{report: report, rows: map[StepName]*typical{}, rests: max(p.Pause, p.Bake), bakes: p.Bake > 0, began: time.Now()}
	e.gathers.guess = p.Poll / 2
	drain, join := p.Drain.Min, p.Drain.Lag
	if !p.Drain.Fixed {
		drain = max(drain, p.Drain.Lag)
	}
	for _, t := range groups {
		join = max(join, t.checks())
	}
	e.rows[StepDrain], e.rows[StepJoin] = &typical{guess: drain}, &typical{guess: join}
	e.begin(stagePreparing, batches)
	return e
}

// refuseLate returns an error if the run is forecast to take longer than the time that is left for it; zero is no limit.
func (e *eta) refuseLate(within time.Duration) error {
	if e == nil || within == 0 || e.following() <= within {
		return nil
	}
	return fmt.Errorf("the credentials expire in %s, and the run takes about %s: refresh them, because without them an instance could not be put back",
		round(max(0, within)), roughly(e.following()))
}

// enter notes that the run enters a stage which so many batches follow, and reports the estimate.
func (e *eta) enter(s stage, ahead int) {
	if e != nil {
		e.begin(s, ahead)
		e.announce()
	}
}

func (e *eta) begin(s stage, ahead int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stage, e.ahead, e.since = s, ahead, time.Now()
	for _, row := range e.rows {
		row.counted = false
	}
}

// observe notes how long a row took an instance, and reports the estimate. Preparing is not counted, because no batch
// waits for it.
func (e *eta) observe(name StepName, took time.Duration) {
	if e == nil {
		return
	}
	if name != StepPrepare {
		e.count(name, took)
	}
	e.announce()
}

func (e *eta) count(name StepName, took time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	row := e.rows[name]
	if row == nil {
		row = &typical{}
		e.rows[name] = row
	}
	if !row.counted {
		row.counted = true
		row.batches = append(row.batches, took)
		return
	}
	last := len(row.batches) - 1
	row.batches[last] = max(row.batches[last], took)
}

// gathered notes how long a batch waited for capacity.
func (e *eta) gathered(took time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gathers.batches = append(e.gathers.batches, took)
}

// announce reports how long the run still takes, if that is news.
func (e *eta) announce() {
	if e == nil {
		return
	}
	e.reporting.Lock()
	defer e.reporting.Unlock()
	if left, news := e.left(); news {
		e.report.emit(Event{Kind: Forecast, Left: left, Detail: "about " + roughly(left) + " to go"})
	}
}

// abandon reports once that there is no estimate any more, because the run does not go as planned.
func (e *eta) abandon() {
	if e == nil {
		return
	}
	e.reporting.Lock()
	defer e.reporting.Unlock()
	if !e.end() {
		e.report.emit(Event{Kind: Forecast})
	}
}

// end ends the estimate and reports whether it had ended before.
func (e *eta) end() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.stage
	e.stage, e.told = stageAbandoned, time.Time{}
	return before == stageAbandoned
}

// left returns how long the run still takes, and whether that is news: the end must have moved by a tenth of what is
// left, or by a twentieth of the whole.
func (e *eta) left() (left time.Duration, news bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stage == stageAbandoned {
		return 0, false
	}
	now := time.Now()
	left = max(0, e.stageLength()-now.Sub(e.since)) + e.following()
	if left <= 0 {
		return 0, false // it takes longer than estimated, and nothing shows how much
	}
	end := now.Add(left)
	moved := end.Sub(e.told).Abs()
	if e.told.IsZero() || moved > max(left/10, end.Sub(e.began)/20) {
		e.told = end
		return left, true
	}
	return left, false
}

// stageLength returns how long the present stage takes.
func (e *eta) stageLength() time.Duration {
	switch e.stage {
	case stagePreparing:
		return 0 // nothing shows how long pulls take
	case stageResting:
		return e.rests
	default:
		return e.batchLength()
	}
}

// batchLength returns how long a batch takes, from its turn until it is in service.
func (e *eta) batchLength() time.Duration {
	sum := e.gathers.duration()
	for _, row := range e.rows {
		sum += row.duration()
	}
	return sum
}

// following returns how long everything after the present stage takes.
func (e *eta) following() time.Duration {
	return time.Duration(e.ahead)*e.batchLength() + time.Duration(e.restsAhead())*e.rests
}

// restsAhead returns how many rests follow: one after each batch, but after the last only if it bakes. A fleet that
// goes back does not rest.
func (e *eta) restsAhead() int {
	n := e.ahead
	switch e.stage {
	case stageReturning:
		return 0
	case stageUpdating:
		n++
	}
	if !e.bakes {
		n--
	}
	return max(0, n)
}
