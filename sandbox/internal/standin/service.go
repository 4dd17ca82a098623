package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
)

// service serves the responses of a Config.
type service struct {
	Config
	commit      string
	connections atomic.Uint64
	draining    atomic.Bool

	keeping sync.Mutex
	file    string // has the count too; empty: there is none
}

// keep writes the count to the file.
func (s *service) keep() error {
	if s.file == "" {
		return nil
	}
	s.keeping.Lock()
	defer s.keeping.Unlock()
	f, err := os.OpenFile(s.file, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(fmt.Appendf(nil, "%020d\n", s.connections.Load()), 0)
	return errors.Join(err, f.Close())
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	switch {
	case r.URL.Path == s.HealthPath:
		s.health(w)
	case s.VersionPath != "" && r.URL.Path == s.VersionPath:
		s.version(w)
	default:
		s.serve(w, r)
	}
}

func (s *service) health(w http.ResponseWriter) {
	if s.Fault == Unhealthy {
		http.Error(w, "database is not reachable", http.StatusInternalServerError)
		return
	}
	_, _ = w.Write([]byte("ok"))
}

func (s *service) version(w http.ResponseWriter) {
	answer := s.identity()
	if s.CountField != "" {
		answer[s.CountField] = s.connections.Load()
	}
	reply(w, answer)
}

// serve serves a request, and counts the first one of each connection.
func (s *service) serve(w http.ResponseWriter, r *http.Request) {
	if counted, ok := r.Context().Value(connectionKey{}).(*atomic.Bool); ok && counted.CompareAndSwap(false, true) {
		s.connections.Add(1)
		if err := s.keep(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	reply(w, s.identity())
}

func (s *service) identity() map[string]any {
	return map[string]any{"service": s.Name, "commit": s.commit}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

type connectionKey struct{}

// withConnection adds a value to the context that all requests of one connection share.
func withConnection(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, new(atomic.Bool))
}
