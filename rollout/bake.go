package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// bake lets a batch serve for a while and then asks the guards; watches are asked
// meanwhile too, and end it early. After the last one there is nothing left to
// halt: what they say is a remark, unless the fleet would go back. A batch that brought
// nothing new has nothing to show. ahead is how many batches are to follow.
func (r *run) bake(ctx context.Context, batch []*passage, ahead int) error {
	var err error
	last := ahead == 0
	if !last || r.Policy.Bake > 0 {
		r.eta.enter(stageResting, ahead)
		rest := r.Policy.Pause
		if slices.ContainsFunc(batch, func(p *passage) bool { return p.outcome == Updated }) {
			rest = max(rest, r.Policy.Bake)
		}
		err = r.serve(ctx, rest)
	}
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
		return context.Cause(ctx)
	case last && !r.Policy.Rollback:
		r.report.remark(oneLine(err))
		return nil
	}
	r.halted = true
	return fmt.Errorf("halted: %w", err)
}

// serve lets a batch serve for that long, or until one of the watches refuses.
func (r *run) serve(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if err := sleep(ctx, min(left, max(r.Policy.Poll, watchPause))); err != nil || left <= 0 {
			return err
		}
		if err := checkGates(ctx, r.Watches, "guard", r.report); err != nil {
			return err
		}
	}
}

// watchPause is the least time between two questions to the watches of a baking batch.
const watchPause = time.Second
