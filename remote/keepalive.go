package remote

import (
	"fmt"
	"sync/atomic"
	"time"
)

// keepAliveRequest is OpenSSH's: any server answers a request it does not know.
const keepAliveRequest = "keepalive@openssh.com"

// maxMissed is how many unanswered intervals end the connection.
const maxMissed = 3

// keepAlive asks the server again and again whether it is there. The ssh
// package has no such thing, and a request to a dead peer blocks for ever: it
// is raced with a clock.
type keepAlive struct {
	client   *Client
	interval time.Duration
	asking   atomic.Bool
	missed   atomic.Int32
}

// beat is one interval's end, up to the connection's. The next one does not wait
// for the answer.
func (k *keepAlive) beat() {
	if k.client.life.Err() != nil {
		return
	}
	time.AfterFunc(k.interval, k.beat)
	if k.asking.Swap(true) {
		if k.missed.Add(1) == maxMissed {
			k.client.end(fmt.Errorf("%w: no answer to keep-alives in %s", ErrLost, maxMissed*k.interval))
		}
		return
	}
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
