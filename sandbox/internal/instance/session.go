package instance

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/sandbox/internal/engine/process"
)

// session serves one session: a subsystem or a command.
func (i *Instance) session(channel ssh.NewChannel) {
	stream, requests, err := channel.Accept()
	if err != nil {
		return // the SSH connection ended
	}
	defer stream.Close()
	for r := range requests {
		run := i.program(r)
		answerRequest(r, run != nil || r.Type == "env" || r.Type == "pty-req" || r.Type == "window-change")
		if run == nil {
			continue
		}
		// Signals and window changes that follow do nothing.
		i.tasks.Go(func() { ssh.DiscardRequests(requests) })
		run(stream)
		return
	}
}

// answerRequest answers where an answer is wanted. An error is a connection
// that ended.
func answerRequest(r *ssh.Request, ok bool) {
	if r.WantReply {
		_ = r.Reply(ok, nil)
	}
}

// program is what the request starts; nil where it starts nothing.
func (i *Instance) program(r *ssh.Request) func(ssh.Channel) {
	var argument struct{ Text string }
	switch r.Type {
	case "shell":
		return i.refuseShell
	case "exec", "subsystem":
		if err := ssh.Unmarshal(r.Payload, &argument); err != nil {
			return nil
		}
	default:
		return nil
	}
	if r.Type == "exec" {
		return func(c ssh.Channel) { i.exec(c, argument.Text) }
	}
	if argument.Text != "sftp" {
		return nil
	}
	return func(c ssh.Channel) {
		status := 0
		if err := i.files.serve(c); err != nil {
			status = 1
		}
		exit(c, status)
	}
}

func (i *Instance) refuseShell(c ssh.Channel) {
	fmt.Fprintf(c, "This is %s, an instance of the sandbox. It has no interactive shell:\r\n"+
		"run a command (ssh HOST COMMAND), use sftp, or forward a port or /var/run/docker.sock (ssh -L).\r\n", i.opts.ID)
	exit(c, 1)
}

// exit tells the client how the program ended. An error is a connection that
// ended before.
func exit(c ssh.Channel, status int) {
	_, _ = c.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
}

// notStarted is the shell's exit code for a command that cannot be run.
const notStarted = 126

// exec runs a command. It goes on when its session is closed, as under sshd,
// and ends with the instance. What it leaves in the background ends with it.
func (i *Instance) exec(c ssh.Channel, command string) {
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Dir = i.opts.Root
	cmd.Env = i.commandEnv()
	cmd.Stdout, cmd.Stderr = c, c.Stderr()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		exit(c, notStarted)
		return
	}
	proc, err := process.Start(cmd)
	if err != nil {
		fmt.Fprintln(c.Stderr(), "/bin/sh cannot be started")
		exit(c, notStarted)
		return
	}
	i.tasks.Go(func() {
		// The end of either side ends the copy.
		_, _ = io.Copy(stdin, c)
		_ = stdin.Close()
	})
	select {
	case <-proc.Done():
	case <-i.ctx.Done():
		_ = proc.Kill()
		<-proc.Done()
	}
	ended(c, proc)
}

// commandEnv is what a command finds: nothing of this process's environment.
func (i *Instance) commandEnv() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + filepath.Join(i.opts.Root, "home", i.opts.User),
		"USER=" + i.opts.User, "LOGNAME=" + i.opts.User, "SHELL=/bin/sh",
	}
}

// ended tells how the process ended, by code or by signal (RFC 4254, 6.10).
func ended(c ssh.Channel, proc *process.Process) {
	name, ok := signalNames[proc.ExitSignal()]
	if !ok {
		exit(c, proc.ExitCode())
		return
	}
	_, _ = c.SendRequest("exit-signal", false, ssh.Marshal(struct {
		Name       string
		CoreDumped bool
		Message    string
		Language   string
	}{Name: name}))
}

// signalNames are the signals that the protocol has names for.
var signalNames = map[syscall.Signal]string{
	syscall.SIGABRT: "ABRT", syscall.SIGALRM: "ALRM", syscall.SIGFPE: "FPE", syscall.SIGHUP: "HUP", syscall.SIGILL: "ILL",
	syscall.SIGINT: "INT", syscall.SIGKILL: "KILL", syscall.SIGPIPE: "PIPE", syscall.SIGQUIT: "QUIT", syscall.SIGSEGV: "SEGV",
	syscall.SIGTERM: "TERM", syscall.SIGUSR1: "USR1", syscall.SIGUSR2: "USR2",
}
