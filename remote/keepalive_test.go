package remote

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// peerThatAnswers refuses every request, as any SSH server may, and counts them. It
// opens no channel until it is closed.
type peerThatAnswers struct {
	ssh.Conn
	asked  atomic.Int32
	closed chan struct{}
}

func (p *peerThatAnswers) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	<-p.closed
	return nil, nil, net.ErrClosed
}

func (p *peerThatAnswers) SendRequest(string, bool, []byte) (bool, []byte, error) {
	p.asked.Add(1)
	return false, nil, nil
}

// A connection that nobody uses is asked once in three intervals; one in use in each,
// and so is one that was used since the last.
func TestKeepAlivesOfAnIdleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 15 * time.Second
		peer := &peerThatAnswers{closed: make(chan struct{})}
		client := &Client{ssh: peer, uses: &uses{}}
		client.life, client.die = context.WithCancelCause(t.Context())
		defer client.die(net.ErrClosed)
		time.AfterFunc(interval, (&keepAlive{client: client, interval: interval}).beat)
		asked := func(during func()) int {
			before := peer.asked.Load()
			for range 9 {
				during()
				time.Sleep(interval)
			}
			synctest.Wait()
			return int(peer.asked.Load() - before)
		}
		time.Sleep(interval / 2) // between two beats
		idle := func() {}
		briefly := func() {
			_, end := client.use(t.Context())
			end()
		}
		require.Equal(t, 3, asked(idle))
		require.Equal(t, 9, asked(briefly))
		require.Equal(t, 3, asked(idle))
		dialing, giveUp := context.WithCancel(t.Context())
		go func() { _, _ = client.DialUnix(dialing, "/run/s") }()
		synctest.Wait()
		require.Equal(t, 9, asked(idle))
		giveUp()
		close(peer.closed)
		synctest.Wait()
		require.LessOrEqual(t, asked(idle), 4)
	})
}
