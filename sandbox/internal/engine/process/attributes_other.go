//go:build !linux

package process

import "syscall"

// Other systems have no death signal: a program outlives the sandbox there if
// the sandbox itself is killed by SIGKILL.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
