package awsapi

import (
	"net/http"
	"slices"
	"time"
)

// Faults are what goes wrong on purpose. The zero value is none.
type Faults struct {
	// Actions are the ones that suffer, such as DescribeTargetHealth. Empty means all.
	Actions []string
	// Throttle is the share of calls, 0 to 1, answered 400 Throttling
	// (ThrottlingException in JSON): the fault aws-throttle.
	Throttle float64
	// Rate is how many calls a second a token bucket of Burst lets through; the
	// others are throttled. Zero means no bucket.
	Rate float64
	// Burst is the size of the bucket. Zero means 40, as for ELBv2's reads.
	Burst float64
	// Errors is the share of calls, 0 to 1, answered 500 InternalFailure: the
	// fault aws-errors.
	Errors float64
	// Lost makes each call that Throttle, Rate or Errors strikes lose its answer
	// instead: the act is done, then the connection is closed.
	Lost bool
	// ExpiredToken makes every credential an expired one.
	ExpiredToken bool
}

const defaultBurst = 40

// SetFaults replaces what goes wrong from now on.
func (s *Server) SetFaults(f Faults) {
	if f.Burst == 0 {
		f.Burst = defaultBurst
	}
	f.Actions = slices.Clone(f.Actions)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
	s.bucket = bucket{tokens: f.Burst, filled: time.Now()}
}

// strike is what a fault does to one call.
type strike struct {
	err  *apiError
	lost bool
}

// strike counts a call and decides what goes wrong with it.
func (s *Server) strike(action string, codes commonCodes) strike {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[action]++
	f := s.faults
	if len(f.Actions) > 0 && !slices.Contains(f.Actions, action) {
		return strike{}
	}
	switch {
	case f.Rate > 0 && !s.bucket.take(f, time.Now()), chance(f.Throttle):
		return strike{&apiError{codes.throttled, "Rate exceeded", http.StatusBadRequest}, f.Lost}
	case chance(f.Errors):
		return strike{&apiError{"InternalFailure", "The request processing has failed because of an unknown error, exception or failure.", http.StatusInternalServerError}, f.Lost}
	default:
		return strike{}
	}
}

// bucket is a token bucket.
type bucket struct {
	tokens float64
	filled time.Time
}

func (b *bucket) take(f Faults, now time.Time) bool {
	b.tokens = min(f.Burst, b.tokens+f.Rate*now.Sub(b.filled).Seconds())
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
