package main

import (
	"encoding/json"
	"log"
	"net/http"
	"sync/atomic"
	"time"
)

// Timeouts of the server. A Network Load Balancer forgets a connection that was
// idle for 350 s: this side keeps it longer, so that it is never the one that
// closes under a client.
const (
	readHeaderTimeout = 30 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 400 * time.Second
	grace             = 30 * time.Second
	maxHeaderBytes    = 64 << 10
)

// service is the HTTP service and what it knows of its clients.
type service struct {
	identity    identity
	connections counter
	open        openConnections
	draining    atomic.Bool
}

func newService(who identity) *service { return &service{identity: who} }

// server returns an HTTP server for the service; errors receives its complaints.
func (s *service) server(errors *log.Logger) *http.Server {
	return &http.Server{
		Handler:           s.handler(),
		ConnContext:       withConnection,
		ConnState:         s.open.follow,
		ErrorLog:          errors,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
}

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.root)
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /version", s.version)
	return s.drain(s.connections.count(mux))
}

func (s *service) root(w http.ResponseWriter, _ *http.Request) {
	answer(w, s.identity)
}

func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok"))
}

func (s *service) version(w http.ResponseWriter, _ *http.Request) {
	answer(w, struct {
		identity
		Connections uint64 `json:"connections"`
	}{s.identity, s.connections.total()})
}

// answer writes v as JSON. A client that went away is not worth an error.
func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}
