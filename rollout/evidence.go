package rollout

import (
	"fmt"
	"time"
)

// Clients are not independent of each other: browsers open several connections at once, pools open theirs again together,
// and batch jobs come and go. So the number of connections proves nothing. Silence does if clients came nearly all the
// time, for long enough, and if it is much longer than any pause of theirs.
const (
	// watchedIntervals is the number of sampling intervals that a watch has to have at least, which is four times
	// [Drain.Quiet].
	watchedIntervals = 40
	// busyIntervals is how many of them have to have clients. In a longer watch it is the same share.
	busyIntervals = 30
	// pauses is how many times as long as the longest pause between clients a silence has to be before the routing lag is
	// over.
	pauses = 3
	// pausesAfterLag is the same for the time after it. With clients in each interval that is a fifth of the quiet period,
	// so that a client can send a lost SYN again (after 1 s, and after 2 s more by RFC 6298).
	pausesAfterLag = 2
	// crowd is the number of connections in an interval that cannot all be health checks.
	crowd = 10
)

// evidence decides from samples whether the clients of an instance have left. The samples begin while it serves, and go on
// after it was deregistered. It holds no clock.
type evidence struct {
	policy Drain

	last      Traffic   // the last sample that could be read
	lastAt    time.Time // zero: none could
	blind     error     // why the last sample could not be read; nil: it could
	intervals int       // sampling intervals between the samples of one container
	busy      int       // those in which clients opened connections
	opened    int       // connections opened in all of them
	longest   time.Duration
	arrivedAt time.Time // clients last opened a connection, by the service's own count
	// disturbedAt is the time of the last sample that failed or does not show silence.
	disturbedAt time.Time

	leftAt  time.Time     // the instance was deregistered; zero: it serves
	thinned time.Duration // the longest pause of the watch, as long as it may be once others are back
	proves  bool          // silence ends the drain before the routing lag is over
	before  int           // connections in an interval before leftAt, by the kernel's count; zero: too few to tell clients from health checks
}

// observe adds one sample, or the error that there is instead of one.
func (e *evidence) observe(at time.Time, t Traffic, err error) {
	e.blind = err
	if err != nil {
		e.disturbedAt = at
		return
	}
	if e.lastAt.IsZero() || t.Source != e.last.Source || t.Opened < e.last.Opened {
		e.restart(at)
	} else {
		e.intervals += max(1, int(at.Sub(e.lastAt)/sampleInterval(e.policy.Quiet)))
		e.count(at, int(t.Opened-e.last.Opened), t.Source)
	}
	if t.Open > 0 {
		e.disturbedAt = at
	}
	e.last, e.lastAt = t, at
}

// restart forgets what was seen, because the container's count began anew.
func (e *evidence) restart(at time.Time) {
	*e = evidence{policy: e.policy, leftAt: e.leftAt, disturbedAt: at}
}

// count adds the connections since the last sample. The kernel's count includes health checks, so it shows clients only
// if it goes on as it did before, and was too high for health checks.
func (e *evidence) count(at time.Time, opened int, source Source) {
	e.opened += opened
	switch {
	case source == ServiceCount && opened > 0:
		if e.busy++; e.busy > 1 {
			e.longest = max(e.longest, at.Sub(e.arrivedAt))
		}
		e.arrivedAt, e.disturbedAt = at, at
	case source == KernelCount && e.before > 0 && 2*opened > e.before:
		e.disturbedAt = at
	}
}

// leave notes that the instance was deregistered. During the watch other instances may have been out, so that their
// clients came here too. Now pauses may be longer, by no more than the factor thinned.
func (e *evidence) leave(at time.Time, thinned float64) {
	e.leftAt = at
	if e.busy > 0 {
		e.longest = max(e.longest, at.Sub(e.arrivedAt))
	}
	e.thinned = time.Duration(thinned * float64(e.longest))
	if e.blind != nil || e.intervals < watchedIntervals {
		return
	}
	e.proves = e.busy*watchedIntervals >= e.intervals*busyIntervals
	if mean := e.opened / e.intervals; e.last.Source == KernelCount && mean >= crowd {
		e.before = mean
	}
}

// drained returns whether the traffic has left by now, and a sentence on what was seen. Before the routing lag is over,
// silence decides only if the watch shows that clients would have broken it. After it, a shorter one is enough, because the
// lag decides and silence only shows that it was not longer.
func (e *evidence) drained(at time.Time) (bool, string) {
	elapsed, silence := at.Sub(e.leftAt), at.Sub(e.disturbedAt)
	quiet := e.policy.Quiet
	switch {
	case e.policy.Fixed:
		return elapsed >= e.policy.Min, fmt.Sprintf("fixed drain of %s", round(e.policy.Min))
	case elapsed < e.policy.Min:
		return false, e.seen()
	case elapsed >= e.policy.Max:
		return true, fmt.Sprintf("gave up after %s: %s", round(elapsed), e.seen())
	case e.proves && silence >= max(quiet, pauses*e.longest, pauses*e.thinned):
		return true, fmt.Sprintf("quiet after %s: %s", round(elapsed), e.seen())
	case elapsed < e.policy.Lag:
		return false, e.seen()
	case silence >= quiet || e.longest > 0 && silence >= pausesAfterLag*e.longest:
		return true, fmt.Sprintf("routing lag over after %s: %s", round(elapsed), e.seen())
	case e.unreadable(at):
		return true, fmt.Sprintf("waited %s for the routing lag: %s", round(elapsed), e.seen())
	default:
		return false, e.seen()
	}
}

// unreadable reports whether the counts cannot be read, and not only for a moment. If they could be read before, the last
// sample must have shown no open connection.
func (e *evidence) unreadable(at time.Time) bool {
	return e.blind != nil && (e.lastAt.IsZero() || e.last.Open == 0 && at.Sub(e.lastAt) >= e.policy.Quiet)
}

// pause returns how long to wait before the next sample: an interval, but not past a time that may end the drain. Where
// nobody comes, silence proves nothing, and the service's own count misses nothing, so that samples may be rare.
func (e *evidence) pause(at time.Time) time.Duration {
	step := sampleInterval(e.policy.Quiet)
	if e.last.Source == ServiceCount && !e.proves && at.Sub(e.disturbedAt) >= e.policy.Quiet {
		step = e.policy.Quiet
	}
	for _, end := range []time.Duration{e.policy.Min, e.policy.Lag, e.policy.Max} {
		if left := end - at.Sub(e.leftAt); left > 0 {
			step = min(step, left)
		}
	}
	return step
}

// seen returns a sentence on what the last sample showed.
func (e *evidence) seen() string {
	if e.blind != nil {
		return "traffic " + e.blind.Error()
	}
	return fmt.Sprintf("%s, %d connections open", e.arrivals(), e.last.Open)
}

// arrivals returns when the last new connection came, as far as the counts show that.
func (e *evidence) arrivals() string {
	switch {
	case e.last.Source == Uncounted:
		return "new connections not counted"
	case e.last.Source == KernelCount:
		return "new connections not told from health checks"
	case e.arrivedAt.After(e.leftAt):
		return fmt.Sprintf("last new connection after %s", round(e.arrivedAt.Sub(e.leftAt)))
	default:
		return "no new connection"
	}
}

// watched returns a sentence on what the watch showed.
func (e *evidence) watched() string {
	switch {
	case e.intervals == 0:
		return "clients not watched before"
	case e.last.Source != ServiceCount:
		return "clients not counted by the service"
	case e.busy < 2:
		return fmt.Sprintf("clients in %d of %d samples before", e.busy, e.intervals)
	default:
		return fmt.Sprintf("clients in %d of %d samples before, at most %s apart", e.busy, e.intervals, round(e.longest))
	}
}

// cut returns how many connections the swap will cut by the last sample, and whether the drain had one.
func (e *evidence) cut() (open int, known bool) { return e.last.Open, e.lastAt.After(e.leftAt) }
