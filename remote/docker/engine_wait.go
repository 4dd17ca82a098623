package docker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// awaitStopped waits for a container whose stop was requested. It must not be started before it has ended, because the
// pending stop would end it again. After its grace awaitStopped kills it.
func (e *engine) awaitStopped(ctx context.Context, id string, grace time.Duration) error {
	err := e.pollStopped(ctx, id, grace)
	if !errors.Is(err, errStillRuns) {
		return err
	}
	if err := e.kill(ctx, id); err != nil {
		return fmt.Errorf("kill it: %w", err)
	}
	return e.pollStopped(ctx, id, callTimeout)
}

var errStillRuns = errors.New("it still runs")

func (e *engine) pollStopped(ctx context.Context, id string, atMost time.Duration) error {
	deadline := time.After(atMost)
	for {
		found, err := e.inspect(ctx, id)
		if err != nil || stopped(found) {
			return err
		}
		select {
		case <-time.After(stopPoll):
		case <-deadline:
			return errStillRuns
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
