package rollout

import (
	"strings"
	"sync"
	"time"
)

// forecast estimates when a run is over if nothing goes wrong. How long a row of
// the table takes it guesses from the policy and the target groups, until the run
// has seen one go through it.
type forecast struct {
	rows     map[StepName]*typical
	prepares time.Duration // before the first batch leaves
	gathers  typical       // from a batch's turn until there is capacity for it
	rests    time.Duration // between a batch in service and the next one leaving
	bakes    bool          // the last batch rests too

	mu    sync.Mutex
	stage stage
	since time.Time // when the stage began
	ahead int       // batches that have not begun yet
	began time.Time // the run
	told  time.Time // the end that was said last

	saying sync.Mutex // what is told last is what was decided last
}

// stage is what a run is about.
type stage int

const (
	preparing stage = iota
	updating        // a batch is out
	resting         // the one before is in service again
	returning       // a batch is out that goes back; the others follow without a rest
	over            // nobody can say
)

// typical is how long a row takes a batch: a guess until one went through it, then
// the mean.
type typical struct {
	guess   time.Duration
	batches []time.Duration // each one's slowest instance
	counted bool            // the last of them is of the batch that is out
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

// foresee guesses how the run goes: a drain takes the routing lag, as nobody knows
// yet whether it will be quiet before, and a join that or the checks. Nil where there
// is nothing to do.
func (r *run) foresee() *forecast {
	batches := len(r.batches())
	if batches == 0 {
		return nil
	}
	p := r.Policy
	f := &forecast{rows: map[StepName]*typical{}, rests: max(p.Pause, p.Bake), bakes: p.Bake > 0, began: time.Now()}
	looks := p.Poll / 2
	if !p.Drain.Fixed {
		looks = max(looks, p.Drain.Quiet)
	}
	f.gathers.guess = max(0, looks-f.rests) // a rest hides them
	drain, join := p.Drain.Min, p.Drain.Lag
	if !p.Drain.Fixed {
		drain = max(drain, p.Drain.Lag)
		f.prepares = p.Drain.Quiet // the first batch is measured
	}
	for _, t := range r.timing {
		join = max(join, t.checks())
	}
	for _, name := range Steps()[1:] {
		f.rows[name] = &typical{}
	}
	f.rows[StepDrain].guess, f.rows[StepJoin].guess = drain, join
	f.enter(preparing, batches)
	return f
}

// enter notes that a stage begins, with so many batches to follow it.
func (f *forecast) enter(s stage, ahead int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stage, f.ahead, f.since = s, ahead, time.Now()
	for _, row := range f.rows {
		row.counted = false
	}
}

// saw notes how long a row took an instance of the batch that is out.
func (f *forecast) saw(name StepName, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	row, known := f.rows[name]
	switch {
	case !known:
	case !row.counted:
		row.counted = true
		row.batches = append(row.batches, took)
	default:
		last := len(row.batches) - 1
		row.batches[last] = max(row.batches[last], took)
	}
}

// gathered notes how long a batch waited for capacity.
func (f *forecast) gathered(took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gathers.batches = append(f.gathers.batches, took)
}

// left is how long the run still takes, and whether that is news: it is to be said
// again only where the end has moved by a tenth of what is left, or a twentieth of
// the whole.
func (f *forecast) left() (left time.Duration, news bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stage == over {
		return 0, false
	}
	now := time.Now()
	left = max(0, f.takes()-now.Sub(f.since)) + f.follows()
	if left <= 0 {
		return 0, false // it takes longer than thought, nobody knows how much
	}
	end := now.Add(left)
	moved := end.Sub(f.told).Abs()
	if f.told.IsZero() || moved > max(left/10, end.Sub(f.began)/20) {
		f.told = end
		return left, true
	}
	return left, false
}

// takes is how long the stage takes.
func (f *forecast) takes() time.Duration {
	switch f.stage {
	case preparing:
		return f.prepares
	case resting:
		return f.rests
	default:
		return f.batch()
	}
}

// batch is how long one is out.
func (f *forecast) batch() time.Duration {
	sum := f.gathers.duration()
	for _, row := range f.rows {
		sum += row.duration()
	}
	return sum
}

// follows is how long what comes after the stage takes.
func (f *forecast) follows() time.Duration {
	return time.Duration(f.ahead)*f.batch() + time.Duration(f.pauses())*f.rests
}

// pauses is how many rests are to come: one after each batch, but after the last
// only where it bakes. A fleet that goes back takes none.
func (f *forecast) pauses() int {
	n := f.ahead
	switch f.stage {
	case returning:
		return 0
	case updating:
		n++
	}
	if !f.bakes {
		n--
	}
	return max(0, n)
}

// enter notes that the run enters a stage, with so many batches to follow it.
func (r *run) enter(s stage, ahead int) {
	r.forecast.enter(s, ahead)
	r.foretell()
}

// foretell tells how long the run still takes, where that is news. Healing and
// replacing foresee nothing.
func (r *run) foretell() {
	if r.forecast == nil {
		return
	}
	r.forecast.saying.Lock()
	defer r.forecast.saying.Unlock()
	if left, news := r.forecast.left(); news {
		r.emit(Event{Kind: Forecast, Left: left, Detail: "about " + roughly(left) + " to go"})
	}
}

// saw notes how long a row took an instance.
func (r *run) saw(name StepName, took time.Duration) {
	if r.forecast != nil {
		r.forecast.saw(name, took)
		r.foretell()
	}
}

// unforeseen ends the forecast of a run that does not go as it was to go.
func (r *run) unforeseen() {
	if r.forecast == nil {
		return
	}
	r.forecast.saying.Lock()
	defer r.forecast.saying.Unlock()
	if !r.forecast.end() {
		r.emit(Event{Kind: Forecast})
	}
}

// end ends the forecast, and reports whether it had ended before.
func (f *forecast) end() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.stage
	f.stage, f.told = over, time.Time{}
	return before == over
}

// roughly words an estimate: no more precise than it is.
func roughly(d time.Duration) string {
	switch {
	case d >= 10*time.Minute:
		d = d.Round(time.Minute)
	case d >= time.Minute:
		d = d.Round(10 * time.Second)
	default:
		d = round(d)
	}
	if minutes, whole := strings.CutSuffix(d.String(), "m0s"); whole {
		return minutes + "m"
	}
	return d.String()
}
