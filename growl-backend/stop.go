package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// newborn is how long a connection may take to send its first request before it
// is taken for idle: the rule of [http.Server.Shutdown].
const newborn = 5 * time.Second

// openConnections knows what each open connection is doing.
type openConnections struct {
	mu   sync.Mutex
	open map[net.Conn]openConnection
}

type openConnection struct {
	state http.ConnState
	since time.Time
}

// follow is an [http.Server.ConnState].
func (o *openConnections) follow(c net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(o.open, c)
		return
	}
	if o.open == nil {
		o.open = map[net.Conn]openConnection{}
	}
	o.open[c] = openConnection{state, time.Now()}
}

// busy reports whether a request is in flight, or about to be: on a connection
// so new that its first one may still be arriving.
func (o *openConnections) busy() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.open {
		if c.state == http.StateActive || c.state == http.StateNew && time.Since(c.since) < newborn {
			return true
		}
	}
	return false
}

// idle returns when nothing is busy, or with ctx's error.
func (o *openConnections) idle(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for o.busy() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// stop ends the server: it stops listening, finishes what is in flight, and
// after limit cuts what is not finished.
//
// [http.Server.Shutdown] alone is not enough: once it is called, a request that
// is read is dropped without an answer, also one that was on its way on a
// connection accepted before. So it comes last, when nothing is in flight.
func (s *service) stop(server *http.Server, listener net.Listener, served <-chan error, limit time.Duration, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	s.draining.Store(true) // a client told with its last answer does not reuse the connection as it closes
	_ = listener.Close()
	<-served // every accepted connection is known now

	err := s.open.idle(ctx)
	if err == nil {
		err = server.Shutdown(ctx)
	}
	if err != nil {
		log.Warn("requests cut", "after", limit.String())
		_ = server.Close()
	}
}
