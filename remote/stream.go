package remote

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// buffered is what a stream holds that was not read yet: an engine's or a service's
// answer fits, and a thousand instances' streams take little memory.
const buffered = 4 << 10

// stream makes an ordinary connection of an SSH channel. A channel has no deadlines,
// and closing it leaves a pending Read waiting for the peer's answer: a dead peer
// would hold its reader. A pipe in between has both. A Write goes straight to the
// channel: once it has begun, it ends when there is room or the connection ends.
type stream struct {
	net.Conn // the pipe's near end, to read from
	channel  io.ReadWriteCloser
	to       peer

	writing sync.Mutex
	writeBy atomic.Pointer[time.Time]
	closed  atomic.Bool
}

func newStream(channel io.ReadWriteCloser, to peer) *stream {
	near, far := net.Pipe()
	go func() {
		_, _ = io.CopyBuffer(far, channel, make([]byte, buffered))
		_ = far.Close()
	}()
	return &stream{Conn: near, channel: channel, to: to}
}

func (s *stream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	by := s.writeBy.Load()
	switch {
	case s.closed.Load():
		return 0, io.ErrClosedPipe
	case by != nil && !by.IsZero() && !time.Now().Before(*by):
		return 0, os.ErrDeadlineExceeded
	}
	n, err := s.channel.Write(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrClosedPipe // by the peer
	}
	return n, err
}

// Close does not wait for the peer, which may be dead.
func (s *stream) Close() error {
	if !s.closed.Swap(true) {
		go s.channel.Close()
	}
	return s.Conn.Close()
}

func (s *stream) SetDeadline(t time.Time) error {
	s.writeBy.Store(&t)
	return s.Conn.SetDeadline(t)
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.writeBy.Store(&t)
	return nil
}

func (s *stream) LocalAddr() net.Addr  { return peer{s.to.network, ""} }
func (s *stream) RemoteAddr() net.Addr { return s.to }

// peer is an address as an instance sees it.
type peer struct{ network, address string }

func (p peer) Network() string { return p.network }
func (p peer) String() string  { return p.address }
