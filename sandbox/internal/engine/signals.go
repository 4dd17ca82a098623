package engine

import (
	"strconv"
	"strings"
	"syscall"
)

// ParseSignal reads a signal by name, with or without SIG, or by number.
func ParseSignal(text string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil {
		if n <= 0 || n > 64 {
			return 0, badRequest("Invalid signal: %s", text)
		}
		return syscall.Signal(n), nil
	}
	switch strings.TrimPrefix(strings.ToUpper(text), "SIG") {
	case "HUP":
		return syscall.SIGHUP, nil
	case "INT":
		return syscall.SIGINT, nil
	case "QUIT":
		return syscall.SIGQUIT, nil
	case "ABRT":
		return syscall.SIGABRT, nil
	case "KILL":
		return syscall.SIGKILL, nil
	case "USR1":
		return syscall.SIGUSR1, nil
	case "USR2":
		return syscall.SIGUSR2, nil
	case "TERM":
		return syscall.SIGTERM, nil
	case "CONT":
		return syscall.SIGCONT, nil
	case "STOP":
		return syscall.SIGSTOP, nil
	case "WINCH":
		return syscall.SIGWINCH, nil
	default:
		return 0, badRequest("Invalid signal: %s", text)
	}
}
