package probe

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowDial connects to a server in this bubble that answers slowly.
func slowDial(takes time.Duration) dialer {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer func() { _ = server.Close() }()
			for read := bufio.NewReader(server); ; {
				if _, err := http.ReadRequest(read); err != nil {
					return
				}
				<-time.After(takes)
				if _, err := io.WriteString(server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
					return
				}
			}
		}()
		return client, nil
	}
}

// probeFor probes for a duration of the bubble's time.
func probeFor(t *testing.T, o Options, takes, while time.Duration) Receipt {
	t.Helper()
	o.URL = "http://192.0.2.1/"
	p, err := start(t.Context(), o, slowDial(takes))
	require.NoError(t, err)
	<-time.After(while - time.Millisecond)
	return p.Stop()
}

func TestASlowServerDoesNotSlowTheProbe(t *testing.T) {
	for _, takes := range []time.Duration{0, time.Second, 4 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r := probeFor(t, Options{Rate: 200, KeepAlive: -1}, takes, 10*time.Second)
			assert.EqualValues(t, 2000, r.Requests)
			assert.Zero(t, r.Failed, "%v", r.ByError)
			assert.GreaterOrEqual(t, r.LongestGap, takes, "from the start to the first answer")
		})
	}
}

func TestFewRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := probeFor(t, Options{Rate: 1.0 / 60, KeepAlive: -1}, 0, 150*time.Second)
		assert.EqualValues(t, 3, r.Requests, "one at once, and one a minute")
		assert.Zero(t, r.Failed)
	})
}

func TestRequestsBeyondTheCapAreOverruns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := probeFor(t, Options{Rate: 100, KeepAlive: -1, InFlight: 50}, time.Second, 10*time.Second)
		assert.EqualValues(t, 1000, r.Requests)
		assert.Equal(t, r.Failed, r.ByError["overrun"])
		assert.InDelta(t, 500, r.Failed, 10)
	})
}

func TestKeepAliveClientsKeepTheirInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := probeFor(t, Options{Rate: -1, KeepAlive: 20}, 0, 10*time.Second)
		assert.EqualValues(t, 2000, r.Requests)
	})
}

func TestAnUnansweredRequestIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := probeFor(t, Options{Rate: 10, KeepAlive: 1, Timeout: time.Second}, time.Hour, 10*time.Second)
		assert.Equal(t, r.Requests, r.ByError["timeout"])
		assert.Equal(t, 10*time.Second-time.Millisecond, r.LongestGap, "the wait for answers after the stop is no gap")
		<-time.After(2 * time.Hour) // the servers end in the bubble
	})
}

func TestGapsAreBetweenGoodAnswers(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	var c tally
	c.start(at(0))
	c.good("a", at(2))
	c.failed(timeout, at(2))
	assert.Equal(t, 3*time.Second, c.receipt(at(5)).LongestGap, "the running one")
	c.good("a", at(6))
	c.good("b", at(7))
	assert.Equal(t, 4*time.Second, c.receipt(at(8)).LongestGap)
	c.stop(at(9))
	assert.Equal(t, 4*time.Second, c.receipt(at(60)).LongestGap, "stopped")
	c.good("b", at(70))
	r := c.receipt(at(80))
	assert.Equal(t, 4*time.Second, r.LongestGap, "a late answer ends no gap")
	assert.Equal(t, map[string]int64{"a": 2, "b": 2}, r.Answers)
	assert.EqualValues(t, 5, r.Requests)
}

func TestInventedCommitsDoNotFillTheMemory(t *testing.T) {
	var c tally
	c.start(time.Unix(0, 0))
	for i := range 10 * maxCommits {
		c.good(string(rune('a'+i)), time.Unix(0, 0))
	}
	r := c.receipt(time.Unix(0, 0))
	assert.Len(t, r.Answers, maxCommits+1)
	assert.EqualValues(t, 9*maxCommits, r.Answers["others"])
}
