package main

import "net/http"

// drain announces the end of each connection while the service is draining.
//
// The header goes out with an answer, so the client knows before it could send
// another request. [http.Server.SetKeepAlivesEnabled] would do more: it closes
// idle connections at once, also under a client that is just sending.
func (s *service) drain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
