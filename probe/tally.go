package probe

import (
	"maps"
	"sync"
	"time"
)

// maxCommits bounds the number of commits that are counted separately, because a server that returns a new one in every
// answer must not fill the memory. maxCommitLength bounds the length of one.
const (
	maxCommits      = 100
	maxCommitLength = 64
)

// tally counts the results of requests. Its callers pass in the time.
type tally struct {
	mu       sync.Mutex
	requests int64
	failures map[fault]int64
	answers  map[string]int64
	lastGood time.Time
	longest  time.Duration
	stopped  time.Time
	timeline Timeline
}

func (t *tally) start(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures, t.answers = map[fault]int64{}, map[string]int64{}
	t.lastGood, t.timeline = now, newTimeline(now)
}

// stop ends the time in which a gap counts: answers may still arrive after it, but nothing more is sent. Only the first
// call has an effect.
func (t *tally) stop(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped.IsZero() {
		t.stopped = now
	}
}

func (t *tally) failed(f fault, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests++
	t.failures[f]++
	t.timeline.count(now, true)
}

func (t *tally) good(commit string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests++
	t.timeline.count(now, false)
	t.longest = max(t.longest, t.gap(now))
	if now.After(t.lastGood) {
		t.lastGood = now
	}
	if commit == "" {
		return
	}
	commit = commit[:min(len(commit), maxCommitLength)]
	if _, known := t.answers[commit]; !known && len(t.answers) >= maxCommits {
		commit = "others"
	}
	t.answers[commit]++
}

// gap returns the time from the last good answer to now, or to the stop.
func (t *tally) gap(now time.Time) time.Duration {
	if !t.stopped.IsZero() && now.After(t.stopped) {
		now = t.stopped
	}
	return now.Sub(t.lastGood)
}

func (t *tally) receipt(now time.Time) Receipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := Receipt{
		Requests:   t.requests,
		ByError:    make(map[string]int64, len(t.failures)),
		LongestGap: max(t.longest, t.gap(now)),
		Answers:    maps.Clone(t.answers),
		Timeline:   t.timeline.clone(),
	}
	for f, n := range t.failures {
		r.Failed += n
		r.ByError[string(f)] = n
	}
	return r
}
