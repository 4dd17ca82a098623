package rollout

import (
	"fmt"
	"time"
)

// evidence decides from samples when a deregistered instance is free of traffic. It holds no clock: all times are counted
// from the deregistration.
type evidence struct {
	policy Drain
	before rate

	last     Traffic
	lastAt   time.Duration
	sampled  bool          // the last sample had both counts: connections open and connections opened
	saw      bool          // the last sample had the open connections at least
	counted  bool          // any sample had the open connections
	openedAt time.Duration // of the last sample with a new connection
	busyAt   time.Duration // of the last sample with an open connection
	seenFrom time.Duration // of the first sample since which both counts were read without a gap
	blindAt  time.Duration // of the last sample that failed or lacked a count
	blind    string        // why that sample failed
}

// observe adds one sample, or the error that there is instead of one.
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

// arrived reports whether clients opened connections since the last sample. The kernel's count includes health checks,
// and their rate cannot be computed. So with that count only an instance that was busy can show clients, by a rate of
// more than a tenth of the one before.
func (e *evidence) arrived(at time.Duration, t Traffic) bool {
	if t.Source == ServiceCount {
		return t.Opened != e.last.Opened
	}
	now, _ := measure(e.last, t, at-e.lastAt)
	return e.before.proves(e.policy.Quiet) && now.perSecond > e.before.perSecond/proof
}

// drained returns whether the traffic has left by now, and a sentence on what was seen.
func (e *evidence) drained(at time.Duration) (bool, string) {
	switch {
	case e.policy.Fixed:
		return at >= e.policy.Min, fmt.Sprintf("fixed drain of %s", round(e.policy.Min))
	case at < e.policy.Min:
		return false, e.seen()
	case at >= e.policy.Max:
		return true, fmt.Sprintf("gave up after %s: %s", round(at), e.seen())
	case e.before.proves(e.policy.Quiet) && at-e.disturbedAt() >= e.policy.Quiet:
		return true, fmt.Sprintf("quiet after %s: %s", round(at), e.seen())
	case at >= e.policy.Lag && at-e.disturbedAt() >= e.silenceAfterLag():
		return true, fmt.Sprintf("routing lag over after %s: %s", round(at), e.seen())
	case at >= e.policy.Lag && e.unreadable(at):
		return true, fmt.Sprintf("waited %s for the routing lag: traffic %s", round(at), e.blind)
	default:
		return false, e.seen()
	}
}

// unreadable reports whether the counts cannot be read, and not only for a moment. A count that could be read before has
// to fail for the quiet period, and its last sample must have shown no open connection. If only the opened connections
// cannot be counted, the open ones still have to be gone.
func (e *evidence) unreadable(at time.Duration) bool {
	switch {
	case e.sampled || e.blind == "":
		return false
	case e.saw:
		return at-e.busyAt >= e.silenceAfterLag()
	default:
		return !e.counted || (e.last.Open == 0 && at-e.lastAt >= e.policy.Quiet)
	}
}

// disturbedAt returns when silence was last broken, by a connection or by a sample that failed.
func (e *evidence) disturbedAt() time.Duration {
	return max(e.openedAt, e.busyAt, e.blindAt, e.seenFrom)
}

// silenceAfterLag returns how long silence must last once the routing lag is over. That is long enough for [proof]
// connections at the rate before, and for a client to send a lost SYN again (after 1 s, and after 2 s more by RFC 6298,
// which is a fifth of the default Quiet), but no longer than Quiet.
func (e *evidence) silenceAfterLag() time.Duration {
	if e.before.perSecond <= 0 {
		return e.policy.Quiet
	}
	proven := time.Duration(proof / e.before.perSecond * float64(time.Second))
	return min(e.policy.Quiet, max(e.policy.Quiet/5, proven))
}

// pause returns how long to wait before the next sample, because each sample costs the instance something. Silence can
// end a drain from the minimum on if the instance was busy, and otherwise from the routing lag on. Samples become
// frequent a quiet period before that; earlier ones only show people how the drain goes on. The service's own count misses
// nothing between two samples, so two of them in a quiet period are enough if silence cannot end the drain early.
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

// seen returns a sentence on what the last sample showed.
func (e *evidence) seen() string {
	if !e.saw {
		return "traffic " + e.blind
	}
	return fmt.Sprintf("%s, %d connections open", e.arrivals(), e.last.Open)
}

// arrivals returns when the last new connection came, as far as the counts show that.
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

// unsure reports whether the drain went to its maximum because of connections that were closed at once and that may all
// have been health checks.
func (e *evidence) unsure() bool {
	return e.last.Source == KernelCount && e.lastAt >= e.policy.Max && e.openedAt > max(e.busyAt, e.blindAt, e.seenFrom)
}

// cut returns how many connections the swap will cut by the last sample, and whether there was one.
func (e *evidence) cut() (open int, known bool) { return e.last.Open, e.counted }
