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
// not end either if the reader of its output does.
func Until(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE)
	signal.Reset(os.Interrupt)
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}
