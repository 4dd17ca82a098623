package standin

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	// defaultLinger is the time that a stop gives clients with kept connections to send a request, whose response ends the
	// connection. Closing a connection between two requests could fail the second one.
	defaultLinger = 2 * time.Second
	// defaultGrace is the time that requests in flight have after that.
	defaultGrace = 20 * time.Second
)

// Server is a stand-in that serves. Its methods may be called concurrently.
type Server struct {
	service  service
	http     *http.Server
	listener net.Listener
	linger   time.Duration
	grace    time.Duration
	served   chan struct{}  // closed when the listener is closed
	open     sync.WaitGroup // open connections
	ending   sync.Once
	done     chan struct{}
	code     int
}

// Start listens at the address in the container's environment, and serves.
func Start(getenv func(string) string) (*Server, error) {
	config, err := configure(getenv)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address(getenv))
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address(getenv), err)
	}
	s := &Server{
		service:  service{Config: config, commit: cmp.Or(getenv("GIT_COMMIT"), "unknown"), file: getenv(CountFileVariable)},
		listener: listener, linger: defaultLinger, grace: defaultGrace, served: make(chan struct{}), done: make(chan struct{}),
	}
	if err := s.service.keep(); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("keep the count of connections: %w", err)
	}
	s.http = &http.Server{
		Handler: &s.service, ConnContext: withConnection, ConnState: s.count, ReadHeaderTimeout: defaultGrace,
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener)
	}()
	return s, nil
}

// count counts the open connections.
func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
	case http.StateClosed:
		s.open.Done()
	}
}

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// ExitCode returns 0 after a stop and 137 after a kill. It is valid once Done is closed.
func (s *Server) ExitCode() int { return s.code }

// Kill ends the server at once.
func (s *Server) Kill() error {
	_ = s.http.Close() // also ends a stop that is still waiting
	go s.end(128+int(syscall.SIGKILL), func() {})
	return nil
}

// Signal starts or ends draining, or stops the server. A signal that would not end a program has no effect.
func (s *Server) Signal(sig syscall.Signal) error {
	switch sig {
	case s.service.DrainSignal:
		s.service.draining.Store(true)
	case s.service.UndrainSignal:
		s.service.draining.Store(false)
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2:
		go s.end(0, s.stop)
	case syscall.SIGKILL:
		return s.Kill()
	}
	return nil
}

// stop closes the listener, lets the next response on each connection end it, and then closes the remaining ones.
func (s *Server) stop() {
	s.service.draining.Store(true)
	_ = s.listener.Close()
	<-s.served // there will be no new connection
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		s.open.Wait()
	}()
	select {
	case <-gone:
	case <-time.After(s.linger):
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.grace)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
}

// end ends the server. Only its first call has an effect.
func (s *Server) end(code int, how func()) {
	s.ending.Do(func() {
		how()
		<-s.served
		s.code = code
		close(s.done)
	})
}
