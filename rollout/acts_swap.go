package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// stop stops the old container.
func (u *instanceUpdate) stop(ctx context.Context) (string, error) {
	u.running = ""
	return "", u.journal.act(ctx, func(ctx context.Context) error { return u.host.Stop(ctx, u.release) })
}

// start starts the new container.
func (u *instanceUpdate) start(ctx context.Context) (string, error) {
	return "", u.journal.act(ctx, func(ctx context.Context) error { return u.host.Start(ctx, u.release) })
}

// prove waits until the new container answers. It changes nothing, so it ends when the run is broken off.
func (u *instanceUpdate) prove(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, u.session.Policy.Prove)
	defer cancel()
	window, err := u.host.Prove(ctx, u.release)
	if err != nil {
		return "", err
	}
	u.running = u.release.Digest()
	return fmt.Sprintf("nothing listened for %s", window.Round(time.Millisecond)), nil
}

// revert is the compensation of the whole swap. It returns when the old container is back and proven. Stop, start and
// proof share its time, and so do further attempts, because an instance that cannot be reached now may be reached a
// moment later. The time is longer than that of one intent, so the host begins each part of it by [BeginPart].
func (u *instanceUpdate) revert(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ActTimeout+u.session.Policy.Prove)
	defer cancel()
	u.running = ""
	for {
		err := u.journal.permitted(ctx, u.host.Revert)
		if err == nil {
			break
		}
		if errors.Is(err, errNoIntent) {
			return "", err
		}
		u.report.moved(StepStop, "trying again: "+oneLine(err))
		if sleep(ctx, undoPause) != nil {
			return "", err
		}
	}
	u.running = u.before.Release.Digest()
	return fmt.Sprintf("%s runs again", u.before.Release), nil
}

// settle removes what the swap kept. It is never fatal, because the instance is in service already.
func (u *instanceUpdate) settle(ctx context.Context) (string, error) {
	var removed []string
	err := u.journal.act(ctx, func(ctx context.Context) (err error) {
		removed, err = u.host.Settle(ctx)
		return err
	})
	if err != nil {
		u.report.remark(StepSettle, "%s", oneLine(err))
	}
	if len(removed) == 0 {
		return "", nil
	}
	return "removed images: " + strings.Join(removed, ", "), nil
}
