package probe

import (
	"slices"
	"time"
)

// A timeline has at most maxIntervals intervals. Its first ones are as long as firstInterval, and whenever they are all
// used, two become one of twice the length.
const (
	maxIntervals  = 240
	firstInterval = 250 * time.Millisecond
)

// Timeline counts the requests by the interval in which they were answered or failed.
type Timeline struct {
	Began time.Time `json:"began"`
	// IntervalMS is the length of an interval in milliseconds.
	IntervalMS int64 `json:"interval_ms"`
	// Requests and Failed have one number for each interval, from Began on.
	Requests []int64 `json:"requests"`
	Failed   []int64 `json:"failed"`
}

func newTimeline(began time.Time) Timeline {
	return Timeline{Began: began, IntervalMS: firstInterval.Milliseconds()}
}

// count adds one request to the interval of that moment.
func (t *Timeline) count(at time.Time, failed bool) {
	n := t.interval(at)
	for ; n >= maxIntervals; n = t.interval(at) {
		t.Requests, t.Failed, t.IntervalMS = halved(t.Requests), halved(t.Failed), 2*t.IntervalMS
	}
	if more := n + 1 - len(t.Requests); more > 0 {
		t.Requests, t.Failed = append(t.Requests, make([]int64, more)...), append(t.Failed, make([]int64, more)...)
	}
	t.Requests[n]++
	if failed {
		t.Failed[n]++
	}
}

// interval returns the number of the interval that holds the moment. One before the first counts as the first.
func (t *Timeline) interval(at time.Time) int {
	return int(max(at.Sub(t.Began).Milliseconds(), 0) / t.IntervalMS)
}

func (t *Timeline) clone() Timeline {
	c := *t
	c.Requests, c.Failed = slices.Clone(t.Requests), slices.Clone(t.Failed)
	return c
}

// halved adds up the numbers by twos.
func halved(counts []int64) []int64 {
	half := make([]int64, (len(counts)+1)/2)
	for i, n := range counts {
		half[i/2] += n
	}
	return half
}
