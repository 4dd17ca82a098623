package remote

import (
	"context"
	"errors"
	"fmt"
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

// watch sends a request if a call takes long, and ends the connection if that is not answered either, because after an
// outage TCP may be silent for as long again, while a new connection could be made at once. The caller calls settled
// when its call has returned.
func (c *Client) watch() (settled func()) {
	patience := c.config.KeepAlive / silent
	timer := time.AfterFunc(patience, func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if errors.Is(awaitEnd(ctx, c.ask), context.DeadlineExceeded) {
			c.end(fmt.Errorf("%w: no answer in %s", ErrLost, 2*patience))
		}
	})
	return func() { timer.Stop() }
}

// uses counts who uses the connection.
type uses struct {
	now   atomic.Int32
	began atomic.Bool // a use, since the last call of lately
}

// begin counts a use until its end.
func (u *uses) begin() (end func()) {
	u.began.Store(true)
	u.now.Add(1)
	return func() { u.now.Add(-1) }
}

// lately reports whether there was a use since the last call.
func (u *uses) lately() bool { return u.began.Swap(false) || u.now.Load() > 0 }
