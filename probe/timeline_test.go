package probe

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTimelineCountsEveryRequestOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	began := time.Unix(1000, 0)
	for range 200 {
		line, sent, failed := newTimeline(began), int64(0), int64(0)
		for at := began; sent < 300; sent++ {
			at = at.Add(time.Duration(random.Int64N(int64(3 * time.Minute))))
			line.count(at, sent%7 == 0)
			if sent%7 == 0 {
				failed++
			}
			require.LessOrEqual(t, len(line.Requests), maxIntervals)
			require.Len(t, line.Failed, len(line.Requests))
		}
		assert.Equal(t, sent, sum(line.Requests))
		assert.Equal(t, failed, sum(line.Failed))
	}
}

func TestTimelineKeepsTheTimeOfARequest(t *testing.T) {
	began := time.Unix(1000, 0)
	line := newTimeline(began)
	line.count(began.Add(-time.Second), false) // a clock that went back
	line.count(began.Add(300*time.Millisecond), true)
	assert.Equal(t, Timeline{Began: began, IntervalMS: 250, Requests: []int64{1, 1}, Failed: []int64{0, 1}}, line)

	line.count(began.Add(2*time.Minute), false) // is beyond 240 intervals of 250 ms, and of 500 ms
	assert.EqualValues(t, 1000, line.IntervalMS)
	assert.Equal(t, []int64{2}, line.Requests[:1])
	assert.EqualValues(t, 1, line.Requests[120])
}

func sum(counts []int64) (total int64) {
	for _, n := range counts {
		total += n
	}
	return total
}
