package docker

import (
	"context"
	"time"

	"github.com/moby/moby/api/types/container"
)

// nextDeath is how long a restarted container is watched for its exit code.
const nextDeath = 5 * time.Second

// awaitExit waits a little for a container that the engine restarted to end again, because the engine reports no exit code
// while it runs.
func (l *logReader) awaitExit(ctx context.Context, found container.InspectResponse) container.InspectResponse {
	ctx, cancel := context.WithTimeout(ctx, nextDeath)
	defer cancel()
	for found.State.Running && !found.State.Restarting {
		select {
		case <-time.After(firstPoll):
		case <-ctx.Done():
			return found
		}
		again, err := l.engine.inspect(ctx, found.ID)
		if err != nil {
			return found
		}
		found = again
	}
	return found
}

// exited describes a container that has ended.
func (l *logReader) exited(ctx context.Context, found container.InspectResponse) error {
	found = l.awaitExit(ctx, found)
	logs := l.lastLines(ctx, found)
	return &ExitedError{
		Restarts:    found.RestartCount,
		Container:   found.Name[min(1, len(found.Name)):],
		Code:        found.State.ExitCode,
		OutOfMemory: found.State.OOMKilled,
		Reason:      l.strike(found, printable(found.State.Error)),
		Logs:        logs,
	}
}
