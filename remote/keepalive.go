package remote

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// keepAliveRequest is OpenSSH's: any server answers a request it does not know.
const keepAliveRequest = "keepalive@openssh.com"

const (
	// maxMissed is how many unanswered intervals end the connection.
	maxMissed = 3
	// restful is in how many intervals a connection that nobody uses is asked for
	// once: enough for whatever lies between to keep it open. Most of a large fleet
	// waits for its turn most of the time.
	restful = 3
	// silent is the part of an interval after which a call that was not answered has the server asked, and how long that
	// answer may take.
	silent = 3
)

// keepAlive asks the server again and again whether it is there. The ssh
// package has no such thing, and a request to a dead peer blocks for ever: it
// is raced with a clock.
type keepAlive struct {
	client   *Client
	interval time.Duration
	asking   atomic.Bool
	missed   atomic.Int32
	rested   atomic.Int32 // intervals
}

// beat is one interval's end, up to the connection's. The next one does not wait
// for the answer.
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

// ask sends one request. Any answer will do, a refusal too; an error means the
// connection is gone, which its own goroutine reports.
func (c *Client) ask() error {
	_, _, err := c.ssh.SendRequest(keepAliveRequest, true, nil)
	return err
}

// watch has the server asked whether it is there if a call takes long, and ends the connection if it does not answer
// that either: after an outage TCP may be silent for as long again, while a new connection could be made at once. The
// caller calls settled when its call has returned.
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

// uses tells whether somebody needs the connection.
type uses struct {
	now   atomic.Int32
	began atomic.Bool // one, since it was asked for
}

// begin counts a use until its end.
func (u *uses) begin() (end func()) {
	u.began.Store(true)
	u.now.Add(1)
	return func() { u.now.Add(-1) }
}

// lately reports whether there was any since the last call.
func (u *uses) lately() bool { return u.began.Swap(false) || u.now.Load() > 0 }
