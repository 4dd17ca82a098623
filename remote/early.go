package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"
)

// attempts is how often a server is dialed that closes the connection before authentication. firstPause is the time
// between the first two attempts, on average; it doubles from attempt to attempt.
const (
	attempts   = 5
	firstPause = 250 * time.Millisecond
)

// persist calls dial again while the server closes the connection before authentication, because OpenSSH does that when
// too many logins are under way. The pauses are random so that all who were refused do not come back at once.
func persist[T any](ctx context.Context, dial func() (T, error)) (T, error) {
	pause := firstPause
	for n := 1; ; n++ {
		value, err := dial()
		early, ok := errors.AsType[*closedEarlyError](err)
		if !ok || n == attempts || ctx.Err() != nil {
			if ok {
				early.attempts = n
			}
			return value, err
		}
		select {
		case <-ctx.Done():
			return value, err
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause *= 2
	}
}

// closedEarlyError is a connection that was closed before authentication.
type closedEarlyError struct {
	err      error
	said     string // what the other end wrote; may be empty
	proxied  bool   // a ProxyCommand carried the connection
	attempts int
}

// Error names the likely cause. OpenSSH writes it, but a client that still sends may not receive it.
func (e *closedEarlyError) Error() string {
	text := fmt.Sprintf("%v: %v", ErrUnreachable, e.err)
	if e.attempts > 1 {
		text += fmt.Sprintf(" (%d attempts)", e.attempts)
	}
	switch {
	case e.proxied && e.said != "":
		return text + ": the proxy command said: " + e.said
	case e.proxied:
		return text + ": the proxy command ended or its connection was closed before authentication: run it by hand"
	case e.said != "":
		text += ": the other end wrote " + fmt.Sprintf("%q", e.said)
	}
	return text + ": the connection was closed before authentication: an OpenSSH server does that when too many logins are under way: raise MaxStartups in its sshd_config, or try again later"
}

// Unwrap makes it an [ErrUnreachable].
func (e *closedEarlyError) Unwrap() []error { return []error{ErrUnreachable, e.err} }

// greeted is a stream that keeps the beginning of what the other end wrote, because a server that refuses a connection
// may write the reason in place of its version.
type greeted struct {
	net.Conn
	sniffed
}

func newGreeted(conn net.Conn) *greeted { return &greeted{conn, sniffed{Reader: conn}} }

func (g *greeted) Read(p []byte) (int, error) { return g.sniffed.Read(p) }

// greeting returns the last line before the version; empty if there is none.
func (g *greeted) greeting() string {
	text, _, _ := strings.Cut("\n"+g.text(), "\nSSH-")
	return lastLine(text)
}

// sniffed keeps the beginning of what is read.
type sniffed struct {
	io.Reader
	mu   sync.Mutex
	data []byte
}

// maxSniffed is how much is kept, in bytes.
const maxSniffed = 256

func (s *sniffed) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = append(s.data, p[:min(n, maxSniffed-len(s.data))]...)
	return n, err
}

func (s *sniffed) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.data)
}
