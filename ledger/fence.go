package ledger

import (
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// clockMargin is added to every time that is counted from an object's last write. The store names that, and its own time,
// in whole seconds, so that a difference of the two can be one second too large.
const clockMargin = 2 * time.Second

// secondsWithoutDuration is the duration of an intent that names none, because a program wrote it that knew version 2. A
// single compensation of such a program could act for four minutes.
const secondsWithoutDuration = 300

// actsUntil returns the local time from which on no act of the runs that are unfinished, or hold the lease, can be sent
// any more; zero if that is over. read is the local time at which the document had been read. The durations of intents are
// counted from the document's last write, by the store's clock, because each was written no later.
func (s saved) actsUntil(read time.Time) time.Time {
	runs := s.Unfinished
	if s.Lease != nil {
		runs = append(runs[:len(runs):len(runs)], s.Lease.Run)
	}
	longest := longestIntent(runs)
	left := s.modified.Add(longest + clockMargin).Sub(s.now)
	if longest == 0 || left <= 0 {
		return time.Time{}
	}
	return read.Add(left)
}

// written returns a local time before which the document was last written; read is as for actsUntil. Every entry of its
// journals is older.
func (s saved) written(read time.Time) time.Time {
	return read.Add(s.modified.Add(clockMargin).Sub(s.now))
}

// registeredUntil returns the local time until which runs may have registered targets; zero if none did. A run that did not
// finish may have done so after it recorded the last registration, until it wrote last.
func (s saved) registeredUntil(read time.Time) time.Time {
	at := s.Registered
	if s.occupied() {
		at = s.modified
	}
	if at.IsZero() {
		return at
	}
	ago := max(s.now.Sub(at), 0)           // the store's clock may have been set back
	return read.Add(time.Second).Add(-ago) // the store shows whole seconds
}

// longestIntent returns the longest duration of all intents that have no outcome.
func longestIntent(runs []Run) time.Duration {
	open := map[string]int{} // seconds, by instance
	for _, run := range runs {
		for _, e := range run.Entries {
			switch {
			case e.Step == rollout.StepPrepare: // changes nothing that is in service
			case e.Mark == rollout.Begun || e.Mark == rollout.Undoing:
				open[e.Instance] = max(open[e.Instance], e.Seconds)
			default:
				delete(open, e.Instance)
			}
		}
	}
	longest := 0
	for _, seconds := range open {
		longest = max(longest, seconds)
	}
	return time.Duration(longest) * time.Second
}

// addDurations gives the intents of a document without durations the longest one that they could have.
func (d *document) addDurations() {
	if d.Format == documentVersion {
		return
	}
	runs := make([]*Run, 0, len(d.Unfinished)+1)
	for i := range d.Unfinished {
		runs = append(runs, &d.Unfinished[i])
	}
	if d.Lease != nil {
		runs = append(runs, &d.Lease.Run)
	}
	for _, run := range runs {
		for i := range run.Entries {
			if e := &run.Entries[i]; e.Seconds == 0 && (e.Mark == rollout.Begun || e.Mark == rollout.Undoing) {
				e.Seconds = secondsWithoutDuration
			}
		}
	}
}
