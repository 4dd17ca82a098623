package remote

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// keepAliveRequest is OpenSSH's. Any server answers a request that it does not support.
const keepAliveRequest = "keepalive@openssh.com"

const (
	// maxMissed is how many intervals without an answer end the connection.
	maxMissed = 3
	// restful is how many intervals pass between two requests on a connection that nobody uses. That is often enough
	// for every network device in between to keep the connection open. Most instances of a large fleet wait for their
	// turn most of the time.
	restful = 3
	// silent is the part of an interval after which a call without an answer leads to a request, and how long that
	// request's answer may take.
	silent = 3
)

// keepAlive sends the server requests to find out whether it still answers. The ssh package has nothing like it, and a
// request to a dead peer blocks for ever, so that a timer runs beside it.
type keepAlive struct {
	client   *Client
	interval time.Duration
	asking   atomic.Bool
	missed   atomic.Int32
	rested   atomic.Int32 // intervals
}

// beat is called at the end of each interval, until the connection ends. The next one does not wait for the answer.
func (k *keepAlive) beat() {
	if k.client.life.Err() != nil {
		return
	}
	time.AfterFunc(k.interval, k.beat)
	switch {
	case k.asking.Load():
		if k.missed.Add(1) == maxMissed {
			k.client.end(fmt.Errorf("%w: no answer to keep-alives in %s", ErrLost, maxMissed*k.interval))
		}
		return
	case !k.client.uses.lately() && k.rested.Add(1) < restful:
		return
	}
	k.rested.Store(0)
	k.asking.Store(true)
	if k.client.ask() == nil {
		k.missed.Store(0)
		k.asking.Store(false)
	}
}

// ask sends one request. Any answer will do, a refusal too. An error means that the connection is gone, which its own
// goroutine reports.
func (c *Client) ask() error {
	_, _, err := c.ssh.SendRequest(keepAliveRequest, true, nil)
	return err
}

// patience is how long a call may take before the server is requested to answer, and how long that answer may take.
func (c *Client) patience() time.Duration { return c.config.KeepAlive / silent }

// watch sends a request if a call takes long, and ends the connection if that is not answered either, because after an
// outage TCP may be silent for as long again, while a new connection could be made at once. The caller calls settled
// when its call has returned.
func (c *Client) watch() (settled func()) {
	timer := time.AfterFunc(c.patience(), c.verify)
	return func() { timer.Stop() }
}

// verify sends a request, and ends the connection if it is not answered.
func (c *Client) verify() {
	ctx, cancel := context.WithTimeout(context.Background(), c.patience())
	defer cancel()
	if errors.Is(awaitEnd(ctx, c.ask), context.DeadlineExceeded) {
		c.end(fmt.Errorf("%w: no answer in %s", ErrLost, 2*c.patience()))
	}
}

// uses counts who uses the connection.
type uses struct {
	now   atomic.Int32
	began atomic.Bool  // a use, since the last call of lately
	ended atomic.Int64 // when the last use ended, in nanoseconds
}

// retired is the count of a connection that is closed because nobody used it.
const retired = math.MinInt32 / 2

// begin counts a use until its end.
func (u *uses) begin() (end func()) {
	end, _ = u.pin()
	return end
}

// pin is begin. It returns false if the connection is retired.
func (u *uses) pin() (end func(), ok bool) {
	u.began.Store(true)
	ok = u.now.Add(1) > 0
	return func() {
		u.ended.Store(time.Now().UnixNano())
		u.now.Add(-1)
	}, ok
}

// retire retires the connection. It returns false if somebody uses it.
func (u *uses) retire() bool { return u.now.CompareAndSwap(0, retired) }

// lately reports whether there was a use since the last call.
func (u *uses) lately() bool { return u.began.Swap(false) || u.now.Load() != 0 }
