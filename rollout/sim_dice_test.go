package rollout

import (
	"math"
	"math/rand/v2"
	"time"
)

// dice decides everything that is random in a story. Each question has a name
// and is asked for the n-th time: the same seed gives it the same answer
// whatever order goroutines ask in.
type dice struct{ seed uint64 }

func (d dice) roll(question string, n int) *die {
	h := uint64(14695981039346656037)
	for i := range len(question) {
		h = (h ^ uint64(question[i])) * 1099511628211
	}
	return &die{rand.New(rand.NewPCG(d.seed, h^uint64(n)*0x9e3779b97f4a7c15))}
}

type die struct{ *rand.Rand }

func (d *die) chance(p float64) bool { return d.Float64() < p }

// between is a time down to the nanosecond, so that two things hardly ever
// happen at one instant: what the scheduler would order, the seed orders.
func (d *die) between(from, to time.Duration) time.Duration {
	return from + time.Duration(d.Int64N(int64(to-from)))
}

// sometime is a time by which a story of n instances may have come to any of them, early ones as likely as late ones.
func (d *die) sometime(n int) time.Duration {
	return time.Duration(d.around(300*float64(n))*float64(time.Second)) + d.between(0, time.Second)
}

// around is between 1 and most, small numbers as likely as large ones.
func (d *die) around(most float64) float64 {
	return math.Exp(d.Float64() * math.Log(max(most, 1)))
}

func pick[T any](d *die, choices ...T) T { return choices[d.IntN(len(choices))] }
