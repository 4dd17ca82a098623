// Package process runs a program that never outlives the process that started it. The program has a process group of its
// own, which is killed as a whole, and on Linux a death signal, so that it ends even if its parent is killed by SIGKILL.
package process

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// outputGrace is the time for which the output of a program is still read after its end, if a process that it started
// holds the pipe.
const outputGrace = 2 * time.Second

// Process is a started program.
type Process struct {
	pid  int
	done chan struct{}
	code int
	sig  syscall.Signal
}

// Start starts the command. It sets the command's SysProcAttr and WaitDelay.
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

// run stays on one thread from start to end, because Linux sends the death signal when the thread that forked ends and not
// only when the process does.
func (p *Process) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	started <- nil
	// The exit state is read below. Other errors of Wait are about copying the output.
	_ = cmd.Wait()
	// As in a container, the end of the first process ends every process that it started.
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

// ExitSignal returns the signal that ended the program, or 0. It is
// valid once Done is closed.
func (p *Process) ExitSignal() syscall.Signal { return p.sig }

// Signal sends a signal to the program itself. It returns nil if the program has ended.
func (p *Process) Signal(sig syscall.Signal) error { return p.send(p.pid, sig) }

// Kill kills the program and every process that it started.
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
