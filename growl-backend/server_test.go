package main

import (
	"bufio"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

var someone = identity{Service: "growl-backend", Commit: "abc123", Host: "box"}

// start serves s on a loopback port until the test ends and answers its address.
func start(t *testing.T, s *service) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := s.server(log.New(io.Discard, "", 0))
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		done.Wait()
	})
	return listener.Addr().String()
}

// client is one TCP connection that speaks HTTP/1.1.
type client struct {
	t    *testing.T
	conn net.Conn
	read *bufio.Reader
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t: t, conn: conn, read: bufio.NewReader(conn)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatalf("send %q: %v", text, err)
	}
}

func (c *client) answer() (*http.Response, string) {
	c.t.Helper()
	response, err := http.ReadResponse(c.read, nil)
	if err != nil {
		c.t.Fatalf("read answer: %v", err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatalf("read body: %v", err)
	}
	return response, string(body)
}

func (c *client) get(path string) (*http.Response, string) {
	c.t.Helper()
	c.send("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n")
	return c.answer()
}

func (c *client) wantClosed() {
	c.t.Helper()
	if _, err := c.read.ReadByte(); err != io.EOF {
		c.t.Fatalf("the connection is open, or broke: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	handler := newService(someone).handler()
	tests := []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/", 200, `{"service":"growl-backend","commit":"abc123","host":"box"}`},
		{"GET", "/?q=1", 200, `{"service":"growl-backend","commit":"abc123","host":"box"}`},
		{"GET", "/healthz", 200, "ok"},
		{"GET", "/version", 200, `{"service":"growl-backend","commit":"abc123","host":"box","connections":0}`},
		{"GET", "/nothing", 404, "404 page not found"},
		{"GET", "/healthz/more", 404, "404 page not found"},
		{"POST", "/", 405, "Method Not Allowed"},
		{"DELETE", "/healthz", 405, "Method Not Allowed"},
		{"PUT", "/version", 405, "Method Not Allowed"},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(test.method, test.path, nil))
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
			if got := strings.TrimSpace(w.Body.String()); got != test.body {
				t.Errorf("body %s, want %s", got, test.body)
			}
		})
	}
}

func connections(t *testing.T, address string) uint64 {
	t.Helper()
	_, body := dial(t, address).get("/version")
	var v struct{ Connections uint64 }
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return v.Connections
}

func TestConnectionsCountOnceAndWithoutHealthChecks(t *testing.T) {
	address := start(t, newService(someone))
	steps := []struct {
		name  string
		paths []string
		want  uint64
	}{
		{"health checks and reading the figure", []string{"/healthz", "/version", "/healthz"}, 0},
		{"one request", []string{"/"}, 1},
		{"three requests on one connection", []string{"/", "/", "/"}, 2},
		{"a health check first", []string{"/healthz", "/version", "/"}, 3},
		{"a health check last", []string{"/", "/healthz"}, 4},
		{"an unknown path is traffic", []string{"/nothing"}, 5},
	}
	for _, step := range steps {
		c := dial(t, address)
		for _, path := range step.paths {
			c.get(path)
		}
		if got := connections(t, address); got != step.want {
			t.Fatalf("after %s: %d connections, want %d", step.name, got, step.want)
		}
	}
	dial(t, address) // says nothing
	if got := connections(t, address); got != 5 {
		t.Fatalf("a connection without a request counts: %d", got)
	}
}

func TestConnectionsCountedConcurrently(t *testing.T) {
	const clients = 40
	address := start(t, newService(someone))
	var wg sync.WaitGroup
	for range clients {
		c := dial(t, address)
		wg.Go(func() {
			for range 3 {
				_, _ = io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
				if r, err := http.ReadResponse(c.read, nil); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
				}
			}
		})
	}
	wg.Wait()
	if got := connections(t, address); got != clients {
		t.Fatalf("%d connections, want %d", got, clients)
	}
}

func TestDrainClosesWithTheNextAnswerAndLeavesIdleConnections(t *testing.T) {
	s := newService(someone)
	address := start(t, s)
	idle, busy := dial(t, address), dial(t, address)
	for _, c := range []*client{idle, busy} {
		if r, _ := c.get("/"); r.Close {
			t.Fatal("closes before it drains")
		}
	}

	s.draining.Store(true)
	if r, body := busy.get("/healthz"); !r.Close || r.StatusCode != 200 || body != "ok" {
		t.Fatalf("drained: close %t, status %d, body %q", r.Close, r.StatusCode, body)
	}
	busy.wantClosed()

	s.draining.Store(false)
	for range 2 { // the idle connection was neither closed nor marked
		if r, _ := idle.get("/"); r.Close {
			t.Fatal("closes after the drain was taken back")
		}
	}
}
