package remote

import (
	"fmt"
	"time"
)

// keepAliveRequest is OpenSSH's: any server answers a request it does not know.
const keepAliveRequest = "keepalive@openssh.com"

// maxMissed is how many unanswered intervals end the connection.
const maxMissed = 3

// keepAlive asks the server again and again whether it is there. The ssh
// package has no such thing, and a request to a dead peer blocks for ever: it
// is raced with a clock.
func (c *Client) keepAlive(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	answered := make(chan struct{}, 1)
	waiting, missed := false, 0
	for {
		select {
		case <-c.life.Done():
			return
		case <-answered:
			waiting, missed = false, 0
		case <-ticker.C:
			if !waiting {
				waiting = true
				go c.ask(answered)
				continue
			}
			if missed++; missed == maxMissed {
				c.end(fmt.Errorf("%w: no answer to keep-alives in %s", ErrLost, maxMissed*interval))
				return
			}
		}
	}
}

// ask sends one request. Any answer will do, a refusal too; an error means the
// connection is gone, which its own goroutine reports.
func (c *Client) ask(answered chan<- struct{}) {
	if _, _, err := c.ssh.SendRequest(keepAliveRequest, true, nil); err == nil {
		answered <- struct{}{}
	}
}
