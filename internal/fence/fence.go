// Package fence sends the HTTP requests of an act only as long as the act may still be sent.
package fence

import (
	"context"
	"errors"
	"net/http/httptrace"

	"github.com/growl-dev/deploy/rollout"
)

// Send makes a call that sends HTTP requests with the context it is given. Before each request, when the connection for
// it is there, check decides whether it may still be sent. If check returns an error, the connection is closed, so that
// nothing is written on it, and Send returns that error. Cancelling the request alone would not do, because the
// transport can write a request whose context has ended.
func Send(ctx context.Context, check func() error, call func(context.Context) error) error {
	if err := check(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := call(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			if err := check(); err != nil {
				cancel(err)
				_ = got.Conn.Close()
			}
		},
	}))
	if late := context.Cause(ctx); err != nil && errors.Is(late, rollout.ErrTooLate) {
		return late
	}
	return err
}
