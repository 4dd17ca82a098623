package rollout

import (
	"fmt"
	"time"
)

// evidence decides when a deregistered instance is free of traffic. It is fed
// samples and holds no clock: times are since the instance was deregistered.
type evidence struct {
	policy Drain
	before rate

	last     Traffic
	lastAt   time.Duration
	sampled  bool          // the last look told what is open and what was opened
	saw      bool          // it told what is open, at least
	counted  bool          // any look did
	openedAt time.Duration // when a connection was last seen to be new
	busyAt   time.Duration // when a connection was last seen open
	seenFrom time.Duration // since when it is counted
	blindAt  time.Duration // when a count was last unreadable
	blind    string        // why it was
}

// observe takes one sample, or the reason why there is none.
func (e *evidence) observe(at time.Duration, t Traffic, err error) {
	sampled := e.sampled
	e.saw, e.sampled = err == nil, err == nil && t.Source != Uncounted
	if err != nil {
		e.blindAt, e.blind = at, err.Error()
		return
	}
	if t.Open > 0 {
		e.busyAt = at
	}
	switch {
	case !e.sampled:
		e.blindAt, e.blind = at, "not counted"
	case !sampled:
		e.seenFrom = at
	case e.arrived(at, t):
		e.openedAt = at
	}
	e.last, e.lastAt, e.counted = t, at, true
}

// arrived reports whether clients opened connections since the last sample.
// The kernel's count holds health checks too, at a rate that cannot be
// computed: it tells clients from checks only on an instance that was busy, and
// then by more than a tenth of what arrived before.
func (e *evidence) arrived(at time.Duration, t Traffic) bool {
	if t.Source == ServiceCount {
		return t.Opened != e.last.Opened
	}
	now, _ := measure(e.last, t, at-e.lastAt)
	return e.before.proves(e.policy.Quiet) && now.perSecond > e.before.perSecond/proof
}

// drained decides: whether the traffic has left by now, and a sentence on what was seen.
func (e *evidence) drained(at time.Duration) (bool, string) {
	switch {
	case e.policy.Fixed:
		return at >= e.policy.Min, fmt.Sprintf("fixed drain of %s", round(e.policy.Min))
	case at < e.policy.Min:
		return false, e.seen()
	case at >= e.policy.Max:
		return true, fmt.Sprintf("gave up after %s: %s", round(at), e.seen())
	case e.before.proves(e.policy.Quiet) && at-e.disturbed() >= e.policy.Quiet:
		return true, fmt.Sprintf("quiet after %s: %s", round(at), e.seen())
	case at >= e.policy.Lag && at-e.disturbed() >= e.lately():
		return true, fmt.Sprintf("routing lag over after %s: %s", round(at), e.seen())
	case at >= e.policy.Lag && e.lostSight(at):
		return true, fmt.Sprintf("waited %s for the routing lag: traffic %s", round(at), e.blind)
	default:
		return false, e.seen()
	}
}

// lostSight reports whether the count cannot be read, and not only for a moment: one
// that could be read has to be unreadable for the quiet period, and to have shown
// no open connection when it was seen last. Where only what was
// opened cannot be counted, what is open still has to be gone.
func (e *evidence) lostSight(at time.Duration) bool {
	switch {
	case e.sampled || e.blind == "":
		return false
	case e.saw:
		return at-e.busyAt >= e.lately()
	default:
		return !e.counted || (e.last.Open == 0 && at-e.lastAt >= e.policy.Quiet)
	}
}

// disturbed is when silence was last broken: by a connection, or by blindness.
func (e *evidence) disturbed() time.Duration {
	return max(e.openedAt, e.busyAt, e.blindAt, e.seenFrom)
}

// lately is how long silence must last once the routing lag is over: long
// enough for proof connections at the rate before and for a client to send a lost
// SYN again (after 1 s and 2 s more, RFC 6298; a fifth of the default Quiet), and
// no longer than Quiet.
func (e *evidence) lately() time.Duration {
	if e.before.perSecond <= 0 {
		return e.policy.Quiet
	}
	proven := time.Duration(proof / e.before.perSecond * float64(time.Second))
	return min(e.policy.Quiet, max(e.policy.Quiet/5, proven))
}

// pause is how long not to look: each look costs the instance something. Silence
// decides from the minimum on where the instance was busy, else from the routing
// lag on; a quiet period before that the looks become frequent, and before they
// only tell people how it goes. The service's own count misses nothing between two
// looks, so two a quiet period do where silence ends no drain early.
func (e *evidence) pause(at time.Duration) time.Duration {
	quiet := e.policy.Quiet
	if e.policy.Fixed {
		return max(sampleInterval(quiet), e.policy.Min-at)
	}
	busy := e.before.proves(quiet)
	decides := e.policy.Min
	if !busy {
		decides = max(e.policy.Min, e.policy.Lag)
	}
	step := sampleInterval(quiet)
	if !busy && e.sampled && e.last.Source == ServiceCount {
		step = max(step, quiet/2)
	}
	return max(step, min(4*quiet, decides-quiet-at))
}

func (e *evidence) seen() string {
	if !e.saw {
		return "traffic " + e.blind
	}
	return fmt.Sprintf("%s, %d connections open", e.arrivals(), e.last.Open)
}

// arrivals says when the last new connection came, as far as that could be told.
func (e *evidence) arrivals() string {
	switch {
	case !e.sampled:
		return "new connections not counted"
	case e.openedAt > 0:
		return fmt.Sprintf("last new connection after %s", round(e.openedAt))
	case e.last.Source == KernelCount && !e.before.proves(e.policy.Quiet):
		return "new connections not told from health checks"
	default:
		return "no new connection"
	}
}

// unsure reports whether the drain went to its maximum for connections that nobody
// keeps and that may all have been health checks.
func (e *evidence) unsure() bool {
	return e.last.Source == KernelCount && e.lastAt >= e.policy.Max && e.openedAt > max(e.busyAt, e.blindAt, e.seenFrom)
}

// cut is how many connections the swap will cut, as far as was seen; it is not
// known where nobody looked.
func (e *evidence) cut() (open int, known bool) { return e.last.Open, e.counted }
