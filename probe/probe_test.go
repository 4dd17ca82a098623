package probe_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
)

// run probes until enough requests were counted, and returns the last receipt.
func run(t *testing.T, o probe.Options, enough int64) probe.Receipt {
	t.Helper()
	p, err := probe.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { p.Stop() })
	require.Eventually(t, func() bool { return p.Snapshot().Requests >= enough }, time.Minute, 5*time.Millisecond)
	return p.Stop()
}

func onlyNew(url string) probe.Options {
	return probe.Options{URL: url, Rate: 50, KeepAlive: -1, Timeout: 30 * time.Second}
}

func onlyKeepAlive(url string) probe.Options {
	return probe.Options{URL: url, Rate: -1, KeepAlive: 4, Interval: 2 * time.Millisecond, Timeout: 30 * time.Second}
}

func TestNothingFailsOnAGoodServer(t *testing.T) {
	url := serve(t, func(int) (string, bool) { return ok("abc"), true })
	r := run(t, probe.Options{URL: url + "/?a=b", Interval: 10 * time.Millisecond, Timeout: 30 * time.Second}, 200)
	assert.Zero(t, r.Failed)
	assert.Empty(t, r.ByError)
	assert.Equal(t, map[string]int64{"abc": r.Requests}, r.Answers)
	assert.Positive(t, r.LongestGap)
}

// net/http's client would repeat each of these requests on a new connection and report no failure.
func TestAServerClosingUnderAClientCounts(t *testing.T) {
	url := serve(t, func(turn int) (string, bool) { return ok("abc"), turn < 2 })
	r := run(t, onlyKeepAlive(url), 100)
	require.NotZero(t, r.Failed)
	assert.Equal(t, r.Failed, r.ByError["eof before answer"]+r.ByError["reset"], "%v", r.ByError)
	// Three answers a connection, then one request into the closed connection.
	assert.InDelta(t, float64(r.Requests)/4, float64(r.Failed), 4)
}

func TestAnAnnouncedCloseIsHonoured(t *testing.T) {
	url := serve(t, func(turn int) (string, bool) {
		if turn == 2 {
			return okAndClose("abc"), false
		}
		return ok("abc"), true
	})
	r := run(t, onlyKeepAlive(url), 100)
	assert.Zero(t, r.Failed, "%v", r.ByError)
}

func TestKeepAliveClientsKeepTheirConnection(t *testing.T) {
	opened := make(chan struct{}, 1000)
	url := serve(t, func(turn int) (string, bool) {
		if turn == 0 {
			opened <- struct{}{}
		}
		return ok("abc"), true
	})
	run(t, onlyKeepAlive(url), 100)
	assert.Len(t, opened, 4)
}

func TestNewConnectionsRequestTheirEnd(t *testing.T) {
	closes := make(chan bool, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { closes <- r.Close }))
	defer server.Close()
	run(t, onlyNew(server.URL), 5)
	assert.True(t, <-closes)
}

func TestFailuresHaveNames(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"no answer", "", "eof before answer"},
		{"half a header", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", "eof in answer"},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "eof in answer"},
		{"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "bad answer"},
		{"bad header", "HTTP/1.1 200 OK\r\n: :\r\n\r\n", "bad answer"},
		{"unavailable", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "status 503"},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "status 302"},
		{"endless", "HTTP/1.1 200 OK\r\n\r\n" + string(make([]byte, 1<<20)), "bad answer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := serve(t, func(int) (string, bool) { return test.answer, false })
			r := run(t, onlyNew(url), 3)
			assert.Equal(t, map[string]int64{test.want: r.Requests}, r.ByError)
			assert.Equal(t, r.Requests, r.Failed)
			assert.Empty(t, r.Answers)
		})
	}
}

func TestAReset(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}()
	r := run(t, onlyNew("http://"+listener.Addr().String()), 3)
	assert.Equal(t, map[string]int64{"reset": r.Requests}, r.ByError)
}

func TestNobodyListens(t *testing.T) {
	r := run(t, onlyNew("http://127.0.0.1:1"), 3) // a port that was free may be taken by now
	assert.Equal(t, map[string]int64{"dial: refused": r.Requests}, r.ByError)
	assert.Positive(t, r.LongestGap, "the running gap counts")
}

func TestASilentServerTimesOut(t *testing.T) {
	silent := make(chan struct{})
	url := serve(t, func(int) (string, bool) { <-silent; return "", false })
	t.Cleanup(func() { close(silent) })
	o := onlyNew(url)
	o.Rate, o.Timeout = 5, 2*time.Second
	r := run(t, o, 3)
	assert.Equal(t, map[string]int64{"timeout": r.Requests}, r.ByError)
}

func TestTheEndOfTheContextBreaksOffNoRequest(t *testing.T) {
	asked, release := make(chan struct{}, 1000), make(chan struct{})
	url := serve(t, func(int) (string, bool) { asked <- struct{}{}; <-release; return ok("abc"), false })
	ctx, cancel := context.WithCancel(t.Context())
	p, err := probe.Start(ctx, onlyNew(url))
	require.NoError(t, err)
	<-asked
	cancel()
	close(release)
	r := p.Stop()
	assert.Zero(t, r.Failed, "%v", r.ByError)
	assert.Positive(t, r.Requests)
	assert.Equal(t, r, p.Stop(), "stopping again changes nothing")
}

func TestHTTPS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"commit":"abc"}`))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it logs a client that refuses its certificate
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())

	o := probe.Options{URL: server.URL, Rate: 10, KeepAlive: 1, Interval: 100 * time.Millisecond, Timeout: 30 * time.Second, TLS: &tls.Config{RootCAs: roots}}
	r := run(t, o, 10)
	assert.Zero(t, r.Failed, "%v", r.ByError)

	o.TLS = nil
	r = run(t, o, 3)
	assert.Equal(t, r.Requests, r.ByError["dial: tls"], "%v", r.ByError)
}

func TestBadOptions(t *testing.T) {
	good := "http://127.0.0.1:1"
	tests := []struct {
		name    string
		options probe.Options
		want    string
	}{
		{"no URL", probe.Options{}, `probe URL "": want http://host:port/path`},
		{"no scheme", probe.Options{URL: "localhost:80"}, `probe URL "localhost:80": want http`},
		{"another scheme", probe.Options{URL: "ftp://host"}, "want http"},
		{"no host", probe.Options{URL: "http:///x"}, "names no host"},
		{"a password", probe.Options{URL: "http://u:hush@host"}, "probe URL holds a user"},
		{"a broken URL with a password", probe.Options{URL: "http://u:hush@ho st"}, "probe URL"},
		{"a line break", probe.Options{URL: "http://host/\r\nX: y"}, "probe URL"},
		{"nothing to send", probe.Options{URL: good, Rate: -1, KeepAlive: -1}, "nothing to send"},
		{"two faults", probe.Options{URL: good, Timeout: -1, Interval: -1}, "interval -1ns: at least 1ms; timeout -1ns: at least 1ms"},
		{"too seldom", probe.Options{URL: good, Rate: 1e-9}, "want 0.001 to 50000 new connections a second"},
		{"no rate", probe.Options{URL: good, Rate: math.NaN()}, "rate NaN"},
		{"too fast", probe.Options{URL: good, Rate: 1 << 40}, "new connections a second"},
		{"too many", probe.Options{URL: good, KeepAlive: 1 << 40}, "keep-alive clients"},
		{"negative cap", probe.Options{URL: good, InFlight: -1}, "in flight -1 is negative"},
		{"unknown host", probe.Options{URL: "http://no-such-host.invalid", Timeout: time.Second}, "resolve no-such-host.invalid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := probe.Start(t.Context(), test.options)
			require.Nil(t, p)
			require.ErrorContains(t, err, test.want)
			assert.NotContains(t, err.Error(), "\n")
			assert.NotContains(t, err.Error(), "hush")
		})
	}
}
