package instance

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/internal/sshserver"
	"github.com/growl-dev/deploy/sandbox/internal/engine/process"
)

// notStarted is the exit code that a shell gives a command that cannot be started.
const notStarted = 126

// exec runs a command. As under sshd, the command continues when its session is closed. It ends with the instance, and
// the processes that it started in the background end with it.
func (o Options) exec(ctx context.Context, c ssh.Channel, command string) {
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Dir = o.Root
	cmd.Env = o.commandEnv()
	cmd.Stdout, cmd.Stderr = c, c.Stderr()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		sshserver.Exit(c, notStarted)
		return
	}
	proc, err := process.Start(cmd)
	if err != nil {
		fmt.Fprintln(c.Stderr(), "/bin/sh cannot be started")
		sshserver.Exit(c, notStarted)
		return
	}
	go func() {
		// The end of the command or of the session ends the copy.
		_, _ = io.Copy(stdin, c)
		_ = stdin.Close()
	}()
	select {
	case <-proc.Done():
	case <-ctx.Done():
		_ = proc.Kill()
		<-proc.Done()
	}
	ended(c, proc)
}

// commandEnv returns the environment of a command, which has nothing of this process's environment.
func (o Options) commandEnv() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + filepath.Join(o.Root, "home", o.User),
		"USER=" + o.User, "LOGNAME=" + o.User, "SHELL=/bin/sh",
	}
}

// ended sends the exit code of the process, or the signal that ended it (RFC 4254, 6.10).
func ended(c ssh.Channel, proc *process.Process) {
	name, ok := signalNames[proc.ExitSignal()]
	if !ok {
		sshserver.Exit(c, proc.ExitCode())
		return
	}
	_, _ = c.SendRequest("exit-signal", false, ssh.Marshal(struct {
		Name       string
		CoreDumped bool
		Message    string
		Language   string
	}{Name: name}))
}

// signalNames are the protocol's names of signals.
var signalNames = map[syscall.Signal]string{
	syscall.SIGABRT: "ABRT", syscall.SIGALRM: "ALRM", syscall.SIGFPE: "FPE", syscall.SIGHUP: "HUP", syscall.SIGILL: "ILL",
	syscall.SIGINT: "INT", syscall.SIGKILL: "KILL", syscall.SIGPIPE: "PIPE", syscall.SIGQUIT: "QUIT", syscall.SIGSEGV: "SEGV",
	syscall.SIGTERM: "TERM", syscall.SIGUSR1: "USR1", syscall.SIGUSR2: "USR2",
}
