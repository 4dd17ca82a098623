//go:build unix

package remote

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a terminal's Ctrl-C from the command: who runs us decides when
// the connection ends, and a run that puts an instance back needs it till then.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// kill ends the command and what the shell started for it.
func kill(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
