// Package signals turns the signals that end a process into the end of a context.
package signals

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Until returns a context that ends with ctx, and by the first SIGINT, SIGTERM or SIGHUP; further ones change nothing.
// Other handlers of SIGINT are taken away, because mage's ends the process five seconds after it. A reader of the
// process's output that goes away does not end the process either.
func Until(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE)
	signal.Reset(os.Interrupt)
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}
