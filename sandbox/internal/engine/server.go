package engine

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// server accepts the engine's connections and can close all of them.
type server struct {
	engine *Engine
	http   *http.Server
	inside *chanListener

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func newServer(e *Engine) *server {
	s := &server{engine: e, conns: map[net.Conn]struct{}{}, inside: newChanListener()}
	s.http = &http.Server{
		Handler: e, ConnState: s.track, ReadHeaderTimeout: 30 * time.Second,
		BaseContext: func(net.Listener) context.Context { return e.ctx },
	}
	e.supervisor.tasks.Go(func() { _ = s.http.Serve(s.inside) })
	return s
}

// Serve serves the API on the listener, such as a Unix socket's, until the engine is closed. Then it closes the listener
// and returns nil.
func (e *Engine) Serve(l net.Listener) error {
	err := e.server.http.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Dial connects to the engine inside this process, over a socket pair that no other process can reach. While the
// engine is gone and after Close it returns ECONNREFUSED.
func (e *Engine) Dial(ctx context.Context) (net.Conn, error) {
	if e.faults.gone.Load() {
		return nil, dockerSocket(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	near, far, err := socketPair()
	if err != nil {
		return nil, dockerSocket(err)
	}
	select {
	case e.server.inside.conns <- far:
		return near, nil
	case <-e.server.inside.closed:
		err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	case <-ctx.Done():
		err = ctx.Err()
	}
	near.Close()
	far.Close()
	return nil, dockerSocket(err)
}

func dockerSocket(err error) error {
	addr := &net.UnixAddr{Name: "/var/run/docker.sock", Net: "unix"}
	return &net.OpError{Op: "dial", Net: "unix", Addr: addr, Err: err}
}

func (s *server) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[c] = struct{}{}
		if s.engine.faults.gone.Load() {
			c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, c)
	}
}

func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

func (s *server) close() {
	_ = s.http.Close()
	s.inside.Close()
}

// chanListener is a listener for connections from inside this process.
type chanListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newChanListener() *chanListener {
	return &chanListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *chanListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *chanListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *chanListener) Addr() net.Addr {
	return &net.UnixAddr{Name: "/var/run/docker.sock", Net: "unix"}
}

// socketPair returns two connected Unix sockets. Unlike net.Pipe they support half-close, and they need no path, whose
// length and permissions could be a problem.
func socketPair() (a, b net.Conn, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		syscall.ForkLock.RUnlock()
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	syscall.ForkLock.RUnlock()
	if a, err = fileConn(fds[0]); err != nil {
		_ = syscall.Close(fds[1])
		return nil, nil, err
	}
	if b, err = fileConn(fds[1]); err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, b, nil
}

func fileConn(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "docker.sock")
	defer f.Close() // FileConn duplicates it
	return net.FileConn(f)
}
