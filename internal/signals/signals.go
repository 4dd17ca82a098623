// Package signals cancels a context if a signal ends the process.
package signals

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Until returns a context that ends with ctx, or at the first SIGINT, SIGTERM or SIGHUP; further signals have no effect.
// It removes other handlers of SIGINT, because mage's ends the process five seconds after the signal. The process does
// not end either if the reader of its output does. Until the returned function is called, Ctrl-Z does not stop the
// process, as it would stop everything that writes to a pager, because an instance could be out of service meanwhile.
func Until(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE, syscall.SIGTSTP, syscall.SIGTTOU)
	signal.Reset(os.Interrupt)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	return ctx, func() {
		stop()
		signal.Reset(syscall.SIGTSTP, syscall.SIGTTOU)
	}
}
