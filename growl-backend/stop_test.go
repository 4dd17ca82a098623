package main

import (
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// slow is a service whose every request waits until it is let go.
type slow struct {
	*service
	server   *http.Server
	listener net.Listener
	served   chan error
	entered  chan struct{}
	release  chan struct{}
}

func startSlow(t *testing.T) *slow {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:"+freePort(t))
	if err != nil {
		t.Fatal(err)
	}
	s := &slow{service: newService(someone), listener: listener,
		served: make(chan error, 1), entered: make(chan struct{}), release: make(chan struct{})}
	s.server = s.service.server(slog.NewLogLogger(slog.DiscardHandler, slog.LevelWarn))
	inner := s.server.Handler
	s.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.entered <- struct{}{}
		<-s.release
		inner.ServeHTTP(w, r)
	})
	go func() { s.served <- s.server.Serve(listener) }()
	return s
}

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	s := startSlow(t)
	c := dial(t, s.listener.Addr().String())
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	<-s.entered

	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.stop(s.server, s.listener, s.served, time.Minute, slog.New(slog.DiscardHandler))
	}()
	waitRefused(t, s.listener.Addr().String())
	select {
	case <-stopped:
		t.Fatal("stopped with a request in flight")
	default:
	}
	close(s.release)
	if r, _ := c.answer(); r.StatusCode != 200 || !r.Close {
		t.Fatalf("status %d, close %t", r.StatusCode, r.Close)
	}
	<-stopped
}

func TestStopCutsWhatTakesTooLong(t *testing.T) {
	s := startSlow(t)
	defer close(s.release)
	c := dial(t, s.listener.Addr().String())
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	<-s.entered

	s.stop(s.server, s.listener, s.served, 20*time.Millisecond, slog.New(slog.DiscardHandler))
	if _, err := http.ReadResponse(c.read, nil); err == nil {
		t.Fatal("a request that was cut has an answer")
	}
}
