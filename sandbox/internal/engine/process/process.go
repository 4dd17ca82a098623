// Package process runs a program so that it never outlives the one who
// started it: in a process group of its own, which is killed as a whole, and
// on Linux with a death signal, so that not even SIGKILL leaves it behind.
package process

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// outputGrace is how long output of a program that ended is still read while
// a process it left behind holds the pipe.
const outputGrace = 2 * time.Second

// Process is a program that was started.
type Process struct {
	pid  int
	done chan struct{}
	code int
	sig  syscall.Signal
}

// Start starts the command. Its SysProcAttr and WaitDelay are set here.
func Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	cmd.WaitDelay = outputGrace
	p := &Process{done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(cmd, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// run stays on one thread from start to end: Linux sends the death signal
// when the thread that forked ends, not the process.
func (p *Process) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	started <- nil
	// The exit state is read below; what Wait adds is about copying output.
	_ = cmd.Wait()
	// As when a container's first process ends, nothing it started goes on.
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	p.code, p.sig = exitCode(cmd)
	close(p.done)
}

// exitCode follows the shell and Docker: 128+n for a program ended by signal n.
func exitCode(cmd *exec.Cmd) (int, syscall.Signal) {
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return 128 + int(status.Signal()), status.Signal()
	}
	return cmd.ProcessState.ExitCode(), 0
}

// PID is the process ID, also that of its group.
func (p *Process) PID() int { return p.pid }

// Done is closed when the program has ended and its output is read.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode is the program's, or 128+n where signal n ended it. It is valid
// once Done is closed.
func (p *Process) ExitCode() int { return p.code }

// ExitSignal is the signal that ended the program, 0 where none did. It is
// valid once Done is closed.
func (p *Process) ExitSignal() syscall.Signal { return p.sig }

// Signal sends a signal to the program itself. One that has ended is a success.
func (p *Process) Signal(sig syscall.Signal) error { return p.send(p.pid, sig) }

// Kill ends the program and all it started.
func (p *Process) Kill() error { return p.send(-p.pid, syscall.SIGKILL) }

func (p *Process) send(pid int, sig syscall.Signal) error {
	select {
	case <-p.done:
		return nil // the ID may belong to someone else by now
	default:
	}
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
