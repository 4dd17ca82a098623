package awsapi

import (
	"net/http"
	"slices"
	"time"
)

// Faults makes calls fail. The zero value has no fault.
type Faults struct {
	// Actions are the calls that the faults apply to, such as DescribeTargetHealth. Empty means all.
	Actions []string
	// Throttle is the share of calls, from 0 to 1, that return 400 Throttling (ThrottlingException in JSON). The fault
	// aws-throttle sets it.
	Throttle float64
	// Rate is the number of calls a second that a token bucket of size Burst allows. The others are throttled. Zero
	// means no bucket.
	Rate float64
	// Burst is the size of the bucket. Zero means 40, as for ELBv2's reads.
	Burst float64
	// Errors is the share of calls, from 0 to 1, that return 500 InternalFailure. The fault aws-errors sets it.
	Errors float64
	// Lost changes the effect of Throttle, Rate and Errors: the call is executed, and then the connection is closed
	// without a response.
	Lost bool
	// ExpiredToken makes every access key expired.
	ExpiredToken bool
}

const defaultBurst = 40

// SetFaults replaces the faults.
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

// strike is the effect of the faults on one call.
type strike struct {
	err  *apiError
	lost bool
}

// strike counts a call and returns the effect of the faults on it.
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
