package s3api

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// Faults makes calls fail. The zero value has no fault.
type Faults struct {
	// Actions are the calls that the faults apply to, except for ReadOnly and Clock, such as PutObject. Empty means all.
	Actions []string
	// Throttle is the share of calls, from 0 to 1, that return 503 SlowDown.
	Throttle float64
	// Conflict is the share of writes that return 409 ConditionalRequestConflict, as during another write of the key.
	Conflict float64
	// Lost is the share of calls that are executed and whose connection is then closed without a response.
	Lost float64
	// Late delays every write: the connection is closed without a response, and the write is applied after this time,
	// with its condition evaluated only then. Zero means no delay.
	Late time.Duration
	// ReadOnly makes every write return 403 AccessDenied.
	ReadOnly bool
	// Clock is added to this machine's clock to get the endpoint's. As in S3, a request whose time differs by more than
	// 15 minutes is refused.
	Clock time.Duration
}

// SetFaults replaces the faults.
func (s *Server) SetFaults(f Faults) {
	f.Actions = slices.Clone(f.Actions)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// strike is the effect of the faults on one call.
type strike struct {
	err  *apiError
	lost bool
	late time.Duration
}

// strike counts a call and returns the effect of the faults on it.
func (s *Server) strike(action string) strike {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[action]++
	f := s.faults
	if f.ReadOnly && writes[action] {
		return strike{err: &apiError{code: "AccessDenied", message: "Access Denied", status: http.StatusForbidden}}
	}
	if len(f.Actions) > 0 && !slices.Contains(f.Actions, action) {
		return strike{}
	}
	switch {
	case chance(f.Throttle):
		return strike{err: &apiError{code: "SlowDown", message: "Please reduce your request rate.", status: http.StatusServiceUnavailable}}
	case writes[action] && chance(f.Conflict):
		return strike{err: &apiError{code: "ConditionalRequestConflict", message: "The conditional request cannot succeed due to a conflicting operation against this resource.", status: http.StatusConflict}}
	case writes[action] && f.Late > 0:
		return strike{late: f.Late}
	}
	return strike{lost: chance(f.Lost)}
}

// chance returns true for this share of the calls.
func chance(share float64) bool { return share > 0 && rand.Float64() < share }
