package standin

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// Run is the whole program. It serves until a signal ends it, or fails as its fault requires. With the argument check it
// makes a container's own health check.
func Run(args []string, getenv func(string) string, stderr io.Writer) error {
	c, err := configure(getenv)
	if err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "check" {
		return check(c, getenv)
	}
	switch c.Fault {
	case Exit:
		fmt.Fprintf(stderr, "%s: reading configuration\n", c.Name)
		return errors.New(c.Name + ": fatal: migration 42 is missing: this release cannot start")
	case Leak:
		return leak(c.Name, getenv, stderr)
	case Slow:
		return slow(c, getenv)
	case Unhealthy, "":
		return serve(c, getenv)
	}
	return fmt.Errorf("unknown fault %q: want %s, %s, %s or %s", c.Fault, Exit, Leak, Unhealthy, Slow)
}

// slow waits and executes the real service in the same process, so that signals and the exit code are the service's.
func slow(c Config, getenv func(string) string) error {
	time.Sleep(c.Delay)
	if c.Program == "" {
		return serve(c, getenv)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	service := filepath.Join(filepath.Dir(self), c.Program)
	return syscall.Exec(service, []string{service}, os.Environ())
}

// serve serves until a signal ends it.
func serve(c Config, getenv func(string) string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, handled(c)...)
	s, err := Start(getenv)
	if err != nil {
		return err
	}
	for {
		select {
		case sig := <-signals:
			_ = s.Signal(sig.(syscall.Signal)) // it returns no errors
		case <-s.Done():
			return nil
		}
	}
}

// handled are the signals that have an effect in [Server.Signal].
func handled(c Config) []os.Signal {
	signals := []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}
	for _, own := range []syscall.Signal{c.DrainSignal, c.UndrainSignal} {
		if own != 0 {
			signals = append(signals, own)
		}
	}
	return signals
}
