package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// counter counts connections that carried a request other than a health check,
// each once. Its figure only grows: the difference of two readings is what
// arrived between them.
type counter struct {
	n    atomic.Uint64
	mu   sync.Mutex
	file *countFile // holds the figure too
}

func (c *counter) total() uint64 { return c.n.Load() }

// add counts one. Whoever sees the answer to its request finds it in the file.
func (c *counter) add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.file.write(c.n.Add(1))
}

// count counts the connection of every request that next is asked for, unless
// it is a health check.
func (c *counter) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !healthCheck(r) && firstOf(r.Context()) {
			c.add()
		}
		next.ServeHTTP(w, r)
	})
}

// healthCheck reports whether a request says nothing about traffic. /version
// belongs to that: reading the figure must not move it.
func healthCheck(r *http.Request) bool {
	return r.URL.Path == "/healthz" || r.URL.Path == "/version"
}

// connection is what is remembered of one TCP connection.
type connection struct{ counted atomic.Bool }

type connectionKey struct{}

// withConnection is an [http.Server.ConnContext]: the requests of one
// connection share what it puts into their context.
func withConnection(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, new(connection))
}

// firstOf reports true once for each connection.
func firstOf(ctx context.Context) bool {
	c, ok := ctx.Value(connectionKey{}).(*connection)
	return ok && c.counted.CompareAndSwap(false, true)
}
