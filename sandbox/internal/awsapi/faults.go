package awsapi

import (
	"net/http"
)

// Faults makes calls fail. The zero value has no fault.
type Faults struct {
	// Throttle is the share of calls, from 0 to 1, that return 400 Throttling (ThrottlingException in JSON). The fault
	// aws-throttle sets it.
	Throttle float64
	// Errors is the share of calls, from 0 to 1, that return 500 InternalFailure. The fault aws-errors sets it.
	Errors float64
}

// SetFaults replaces the faults.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// strike counts a call and returns the error of a fault, or nil.
func (s *Server) strike(action string, codes commonCodes) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[action]++
	switch {
	case chance(s.faults.Throttle):
		return &apiError{codes.throttled, "Rate exceeded", http.StatusBadRequest}
	case chance(s.faults.Errors):
		return &apiError{"InternalFailure", "The request processing has failed because of an unknown error, exception or failure.", http.StatusInternalServerError}
	}
	return nil
}
