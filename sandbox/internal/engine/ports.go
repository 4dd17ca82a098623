package engine

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// The real ports of containers lie below the ephemeral ranges of Linux
// (32768) and macOS (49152), so that no outgoing connection takes one.
const (
	firstRealPort = 20000
	realPortCount = 10000
	portAttempts  = 200
)

var errNoPort = errors.New("no free loopback port between 20000 and 29999")

// portBook gives each host port of an instance a loopback port of its own. It keeps the UDP port of the same number open
// as a reservation, so that the other instances of this machine, in any process, do not use the TCP port while no
// program listens on it.
type portBook struct {
	mu    sync.Mutex
	real  map[string]int
	holds []io.Closer
}

func newPortBook() *portBook { return &portBook{real: map[string]int{}} }

// port returns the real port for the key, which stays the same until close. It returns an error if no port is free.
func (b *portBook) port(key string) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p, ok := b.real[key]; ok {
		return p, nil
	}
	for range portAttempts {
		p := firstRealPort + rand.IntN(realPortCount)
		hold, ok := reserve(p)
		if !ok {
			continue
		}
		b.real[key] = p
		b.holds = append(b.holds, hold)
		return p, nil
	}
	return 0, errNoPort
}

func (b *portBook) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, hold := range b.holds {
		hold.Close()
	}
	b.holds = nil
}

func reserve(port int) (io.Closer, bool) {
	addr := loopback(port)
	hold, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, false
	}
	if !free(addr) {
		hold.Close()
		return nil, false
	}
	return hold, true
}

// free reports whether nothing listens at addr. It connects as well as binds, because on macOS binding succeeds beside a
// listener on all addresses.
func free(addr string) bool {
	if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
		c.Close()
		return false
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
