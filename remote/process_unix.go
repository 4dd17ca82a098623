//go:build unix

package remote

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a terminal's Ctrl-C from the command, because the run decides when the connection ends: it needs it
// until it has put an instance back.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// kill ends the command and whatever the shell started for it.
func kill(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
