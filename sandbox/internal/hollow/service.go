package hollow

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

// service answers as growl-backend does.
type service struct {
	commit      string
	connections atomic.Uint64
	draining    atomic.Bool

	keeping sync.Mutex
	file    string // holds the count too; empty: none does
}

// keep replaces the count in the file.
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

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if counted, ok := r.Context().Value(connectionKey{}).(*atomic.Bool); ok && counted.CompareAndSwap(false, true) {
			s.connections.Add(1)
			if err := s.keep(); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		answer(w, map[string]any{"service": "hollow", "commit": s.commit})
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"service": "hollow", "commit": s.commit, "connections": s.connections.Load()})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		mux.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

type connectionKey struct{}

// withConnection lets the requests of one connection know of each other.
func withConnection(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, new(atomic.Bool))
}
