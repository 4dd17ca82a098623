package hollow

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// grace is how long requests in flight may take after a stop was asked for.
const grace = 30 * time.Second

// Program stands in for a container's process. Its methods may be called
// concurrently.
type Program struct {
	service
	pid    int
	server *http.Server
	served chan struct{} // closed when nothing listens any more
	ending sync.Once
	done   chan struct{}
	sig    syscall.Signal
}

func newProgram(pid int, commit string) *Program {
	return &Program{service: service{commit: commit}, pid: pid, served: make(chan struct{}), done: make(chan struct{})}
}

func (p *Program) serve(listener net.Listener) {
	p.server = &http.Server{
		Handler: p.handler(), ConnContext: withConnection, ReadHeaderTimeout: grace,
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener)
	}()
}

// PID is a number that no other program of the machine has.
func (p *Program) PID() int { return p.pid }

// Done is closed when the program has ended.
func (p *Program) Done() <-chan struct{} { return p.done }

// ExitCode is 0 after a stop and 137 after a kill. It is valid once Done is closed.
func (p *Program) ExitCode() int {
	if p.sig != 0 {
		return 128 + int(p.sig)
	}
	return 0
}

// Kill ends the program at once.
func (p *Program) Kill() error { return p.Signal(syscall.SIGKILL) }

// Signal does what growl-backend does on it; any other signal changes nothing.
func (p *Program) Signal(sig syscall.Signal) error {
	switch sig {
	case syscall.SIGUSR1:
		p.draining.Store(true)
	case syscall.SIGUSR2:
		p.draining.Store(false)
	case syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT:
		go p.end(0, p.stop)
	case syscall.SIGKILL:
		_ = p.server.Close() // also ends a stop that is still waiting
		go p.end(sig, func() {})
	}
	return nil
}

func (p *Program) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if p.server.Shutdown(ctx) != nil {
		_ = p.server.Close()
	}
}

// end ends the program once, whatever is asked of it later.
func (p *Program) end(sig syscall.Signal, how func()) {
	p.ending.Do(func() {
		how()
		<-p.served
		p.sig = sig
		close(p.done)
	})
}
