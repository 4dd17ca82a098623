package engine

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// FaultName names a way in which the engine fails.
type FaultName string

// The faults.
const (
	// Gone: connections are refused and open ones cut. Containers run on.
	Gone FaultName = "engine-gone"
	// PullFails: the registry's connection breaks halfway through a layer.
	PullFails FaultName = "pull-fails"
	// DiskFull: unpacking an image ends with "no space left on device", and
	// the disk says so.
	DiskFull FaultName = "disk-full"
	// StartFails: a container cannot be started.
	StartFails FaultName = "start-fails"
	// Slow: calls are delayed. The act happens then, whether or not the caller
	// still waits for it.
	Slow FaultName = "slow"
	// AnswerLost: the act is done, and the connection cut before the answer.
	AnswerLost FaultName = "answer-lost"
)

// Faults are the names of all faults.
func Faults() []FaultName {
	return []FaultName{Gone, PullFails, DiskFull, StartFails, Slow, AnswerLost}
}

// Fault is a fault to inject.
type Fault struct {
	Name FaultName
	// Route narrows Slow and AnswerLost to one route, such as
	// "POST /containers/{id}/stop"; empty means every call that changes something.
	Route string
	// Times is how often it happens before it clears itself; zero means until
	// it is cleared.
	Times int
	// Delay is for Slow; zero means 2 s.
	Delay time.Duration
}

const slowDelay = 2 * time.Second

// Inject makes the engine fail. A fault of the same name and route is replaced.
func (e *Engine) Inject(f Fault) {
	if f.Delay == 0 {
		f.Delay = slowDelay
	}
	e.faults.set(f)
	if f.Name == Gone {
		e.server.cut()
	}
}

// Clear ends the faults of that name.
func (e *Engine) Clear(name FaultName) { e.faults.clear(name) }

type faultSet struct {
	mu     sync.Mutex
	faults []*Fault
}

func (s *faultSet) set(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(o *Fault) bool { return o.Name == f.Name && o.Route == f.Route })
	s.faults = append(s.faults, &f)
}

func (s *faultSet) clear(name FaultName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return f.Name == name })
}

// active reports whether the fault is there, without using it up.
func (s *faultSet) active(name FaultName, route string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(name, route) != nil
}

// take reports the fault, if it is there, and counts one use of it.
func (s *faultSet) take(name FaultName, route string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.find(name, route)
	if f == nil {
		return Fault{}, false
	}
	taken := *f
	if f.Times > 0 {
		if f.Times--; f.Times == 0 {
			s.faults = slices.DeleteFunc(s.faults, func(o *Fault) bool { return o == f })
		}
	}
	return taken, true
}

func (s *faultSet) find(name FaultName, route string) *Fault {
	for _, f := range s.faults {
		if f.Name == name && (f.Route == route || (f.Route == "" && !strings.HasPrefix(route, "GET "))) {
			return f
		}
	}
	return nil
}

// faulty serves the request, late or without its answer where a fault says so.
func (e *Engine) faulty(w http.ResponseWriter, r *http.Request) {
	_, route := e.mux.Handler(r)
	if f, ok := e.faults.take(Slow, route); ok {
		select {
		case <-time.After(f.Delay):
		case <-e.ctx.Done():
		}
	}
	if _, ok := e.faults.take(AnswerLost, route); ok {
		e.mux.ServeHTTP(discard{http.Header{}}, r)
		panic(http.ErrAbortHandler)
	}
	e.mux.ServeHTTP(w, r)
}

// discard is an answer that nobody gets.
type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
func (discard) Flush()                      {}
