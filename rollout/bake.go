package rollout

import (
	"context"
	"fmt"
	"time"
)

// watchInterval is the shortest time between two checks of the watches while a batch bakes.
const watchInterval = time.Second

// bake lets a batch serve for a while and then checks the guards. The watches are checked meanwhile too, and end it
// early. After the last batch there is nothing left to halt, so a guard that refuses is a remark, unless the fleet would
// go back. A batch in which nothing was updated does not bake. ahead counts the batches that follow.
func (r *run) bake(ctx context.Context, batch updates, ahead int) error {
	err := r.rest(ctx, batch, ahead)
	if err == nil {
		err = checkGates(ctx, r.Watches, "guard", r.report)
	}
	if err == nil {
		err = checkGates(ctx, r.Guards, "guard", r.report)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return r.brokenOff(ctx, err)
	case ahead == 0 && !r.Policy.Rollback:
		r.report.remark(oneLine(err))
		return nil
	}
	return &haltError{fmt.Errorf("halted: %w", err)}
}

// rest lets a batch serve before the next one leaves, or until one of the watches refuses.
func (r *run) rest(ctx context.Context, batch updates, ahead int) error {
	if ahead == 0 && r.Policy.Bake == 0 {
		return nil
	}
	r.eta.enter(stageResting, ahead)
	length := r.Policy.Pause
	if len(batch.in(stateUpdated)) > 0 {
		length = max(length, r.Policy.Bake)
	}
	for end := time.Now().Add(length); ; {
		left := time.Until(end)
		if err := sleep(ctx, min(left, max(r.Policy.Poll, watchInterval))); err != nil || left <= 0 {
			return err
		}
		if err := checkGates(ctx, r.Watches, "guard", r.report); err != nil {
			return err
		}
	}
}
