package sshtest

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Relay forwards TCP connections until it is frozen. Then it acts as a network that drops every packet.
type Relay struct {
	// Addr is host:port.
	Addr   string
	mu     sync.Mutex
	frozen bool
	refuse int
	thaw   *sync.Cond
}

// StartRelay forwards to an address until the test ends.
func StartRelay(t testing.TB, to string) *Relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &Relay{Addr: listener.Addr().String()}
	r.thaw = sync.NewCond(&r.mu)
	t.Cleanup(func() { _ = listener.Close(); r.setFrozen(false) })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err == nil && r.refuses() {
				_ = far.Close()
				_ = near.Close()
				continue
			}
			if err != nil {
				_ = near.Close()
				continue
			}
			go r.copy(near, far)
			go r.copy(far, near)
		}
	}()
	return r
}

// Freeze stops forwarding and keeps every connection open.
func (r *Relay) Freeze() { r.setFrozen(true) }

// Refuse closes the next n connections at once, as a server does that is being restarted.
func (r *Relay) Refuse(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = n
}

// Refused reports whether no more connections are to be closed.
func (r *Relay) Refused() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refuse == 0
}

func (r *Relay) refuses() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse == 0 {
		return false
	}
	r.refuse--
	return true
}

func (r *Relay) setFrozen(frozen bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen = frozen
	r.thaw.Broadcast()
}

func (r *Relay) copy(to, from net.Conn) {
	_, _ = io.Copy(gated{r, to}, from)
	_ = to.Close()
	_ = from.Close()
}

type gated struct {
	relay *Relay
	to    io.Writer
}

func (g gated) Write(p []byte) (int, error) {
	g.relay.mu.Lock()
	for g.relay.frozen {
		g.relay.thaw.Wait()
	}
	g.relay.mu.Unlock()
	return g.to.Write(p)
}
