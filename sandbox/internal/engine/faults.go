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
	// Gone refuses connections and closes the open ones. Containers continue to run.
	Gone FaultName = "engine-gone"
	// PullFails breaks the registry's connection halfway through a layer.
	PullFails FaultName = "pull-fails"
	// DiskFull makes unpacking an image fail with "no space left on device", and [Engine.Disk] report a full disk.
	DiskFull FaultName = "disk-full"
	// StartFails makes every start of a container fail.
	StartFails FaultName = "start-fails"
	// Slow delays calls. The engine acts after the delay, even if the caller no longer waits.
	Slow FaultName = "slow"
	// AnswerLost acts and then closes the connection instead of sending the answer.
	AnswerLost FaultName = "answer-lost"
)

// Faults returns the names of all faults.
func Faults() []FaultName {
	return []FaultName{Gone, PullFails, DiskFull, StartFails, Slow, AnswerLost}
}

// Fault is a fault to inject.
type Fault struct {
	Name FaultName
	// Route narrows Slow and AnswerLost to one route, such as
	// "POST /containers/{id}/stop"; empty means every call that changes something.
	Route string
	// Times is the number of uses after which the fault ends; zero means that it lasts until it is cleared.
	Times int
	// Delay is the delay of Slow; zero means 2 s.
	Delay time.Duration
}

const slowDelay = 2 * time.Second

// Inject activates a fault. It replaces a fault of the same name and route.
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

// active reports whether the fault is active, without counting a use.
func (s *faultSet) active(name FaultName, route string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(name, route) != nil
}

// use returns the fault if it is active, and counts one use of it.
func (s *faultSet) use(name FaultName, route string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.find(name, route)
	if f == nil {
		return Fault{}, false
	}
	used := *f
	if f.Times > 0 {
		if f.Times--; f.Times == 0 {
			s.faults = slices.DeleteFunc(s.faults, func(o *Fault) bool { return o == f })
		}
	}
	return used, true
}

func (s *faultSet) find(name FaultName, route string) *Fault {
	for _, f := range s.faults {
		if f.Name == name && (f.Route == route || (f.Route == "" && !strings.HasPrefix(route, "GET "))) {
			return f
		}
	}
	return nil
}

// faulty serves the request. The fault [Slow] delays it, and [AnswerLost] closes the connection instead of sending the
// answer.
func (e *Engine) faulty(w http.ResponseWriter, r *http.Request) {
	_, route := e.mux.Handler(r)
	if f, ok := e.faults.use(Slow, route); ok {
		select {
		case <-time.After(f.Delay):
		case <-e.ctx.Done():
		}
	}
	if _, ok := e.faults.use(AnswerLost, route); ok {
		e.mux.ServeHTTP(discard{http.Header{}}, r)
		panic(http.ErrAbortHandler)
	}
	e.mux.ServeHTTP(w, r)
}

// discard is a response writer whose output is lost.
type discard struct{ header http.Header }

func (d discard) Header() http.Header { return d.header }

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (discard) WriteHeader(int) {}

func (discard) Flush() {}
