package s3api

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// Faults are what goes wrong on purpose. The zero value is none.
type Faults struct {
	// Actions are the ones that suffer from shares, such as PutObject. Empty means all.
	Actions []string
	// Throttle is the share of calls, 0 to 1, answered 503 SlowDown.
	Throttle float64
	// Conflict is the share of writes answered 409 ConditionalRequestConflict, as
	// while another write of the key is under way.
	Conflict float64
	// Lost is the share of calls that are done and whose answer is lost: the
	// connection is closed.
	Lost float64
	// Late is how long after the connection was closed a write is applied, with
	// its condition looked at only then. Zero means none is late.
	Late time.Duration
	// ReadOnly denies every write: 403 AccessDenied.
	ReadOnly bool
	// Clock is how far the endpoint's clock is ahead of this machine's; negative,
	// behind. A request signed more than 15 minutes off is refused, as S3 does.
	Clock time.Duration
}

// SetFaults replaces what goes wrong from now on.
func (s *Server) SetFaults(f Faults) {
	f.Actions = slices.Clone(f.Actions)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// strike is what a fault does to one call.
type strike struct {
	err  *apiError
	lost bool
	late time.Duration
}

// strike counts a call and decides what goes wrong with it.
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

// chance reports true for a share of the calls.
func chance(share float64) bool { return share > 0 && rand.Float64() < share }
