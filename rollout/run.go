package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Run rolls the release across the fleet. The result is complete whatever
// happened. The error is nil exactly if every instance runs the release, and
// otherwise says why in one line. A cancelled ctx breaks the run off: nothing
// new begins, and the instances in flight are put back into service.
func Run(ctx context.Context, c Config) (Result, error) {
	f, err := newFleet(c)
	if err := errors.Join(c.Release.Validate(), err); err != nil {
		return f.result(f.outcome(err), err), err
	}
	defer f.close()
	r := &run{fleet: f}
	err = r.rollOut(ctx)
	if err != nil {
		r.eta.abandon()
	}
	if _, halted := errors.AsType[*haltError](err); halted && r.Policy.Rollback {
		r.rollBack(ctx)
	}
	r.verify(ctx, r.updates.touched() || r.updates.anyAiling())
	if err == nil {
		err = r.updates.failure()
	}
	result := r.result(r.outcome(err), err)
	result.Before = r.updates.releaseBefore()
	return result, err
}

// run is one rollout of a release across the fleet.
type run struct {
	*fleet
	canaries updates // the first to be updated; empty before the first batch
}

// rollOut is the whole run: it surveys the fleet, prepares all instances while the gates are checked, and then updates
// them batch by batch.
func (r *run) rollOut(ctx context.Context) error {
	if err := r.survey(ctx); err != nil {
		return err
	}
	batches := r.batches()
	r.eta = newETA(r.Policy, r.groups, len(batches), r.report)
	if err := r.eta.refuseLate(r.Within); err != nil {
		return err
	}
	watching, end := context.WithCancel(ctx)
	defer end()
	watchFirst(watching, batches)
	if err := r.prepare(ctx); err != nil {
		return err
	}
	batches = r.batches() // without those that could not be prepared
	r.canaries = slices.Concat(batches...)[:min(r.Policy.Canary, len(r.updates.that(waiting)))]
	for i, batch := range batches {
		ahead := len(batches) - i - 1
		r.eta.enter(stageUpdating, ahead)
		if err := r.clear(ctx, batch, i == 0); err != nil {
			return err
		}
		watchFirst(watching, batches[i+1:])
		r.each(batch, func(u *instanceUpdate) { r.update(ctx, u) })
		if err := r.verdict(ctx, r.canaries); err != nil {
			return err
		}
		if err := r.bake(ctx, batch, ahead); err != nil {
			return err
		}
	}
	return nil
}

// prepare readies all instances at once while the gates are checked. An instance that fails here was not touched. A gate
// that refuses ends the pulls.
func (r *run) prepare(ctx context.Context) error {
	pulling, stop := context.WithCancel(ctx)
	defer stop()
	gated := make(chan error, 1)
	go func() {
		err := checkGates(ctx, r.Gates, "gate", r.report)
		if err != nil {
			stop()
		}
		gated <- err
	}()
	r.eta.announce()
	r.each(r.updates.that(waiting), func(u *instanceUpdate) {
		if err := u.record(pulling, StepPrepare, doing, table[0].do); err != nil && pulling.Err() == nil {
			u.err = fmt.Errorf("%s: %w", StepPrepare, err)
		}
	})
	if err := errors.Join(<-gated, context.Cause(ctx)); err != nil {
		return r.brokenOff(ctx, err)
	}
	return r.verdictBefore(ctx)
}

// clear waits until there is capacity for a batch to leave.
func (r *run) clear(ctx context.Context, batch updates, first bool) error {
	turn := time.Now()
	if err := r.reserve(ctx, batch); err != nil {
		return r.outOfCapacity(ctx, err)
	}
	if !first { // the first batch does not wait for anything that this run put back
		r.eta.gathered(time.Since(turn))
	}
	return nil
}

// outOfCapacity turns a lack of capacity into a halt if an instance was taken out before, because the release that runs
// there now may be the reason.
func (r *run) outOfCapacity(ctx context.Context, err error) error {
	if _, lacks := errors.AsType[*shortfallError](err); !lacks || ctx.Err() != nil || !r.updates.touched() {
		return r.brokenOff(ctx, err)
	}
	return &haltError{fmt.Errorf("halted: %w", err)}
}

// update takes one prepared instance through the rest of the table. After it the connection is needed only if the fleet
// may go back.
func (r *run) update(ctx context.Context, u *instanceUpdate) {
	u.meter.stop()
	u.walk(ctx, life, 0)
	if u.state == stateUpdated && !r.Policy.Rollback {
		u.disconnect()
	}
	u.reportEnd()
}
