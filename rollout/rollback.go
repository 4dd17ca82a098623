package rollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// rollBack takes what this run updated back to what it ran before, through the
// same rows and by the same capacity rule: what is not healthy any more costs none
// and goes first, then the fleet from its end, with zones alternating. An instance goes
// back only to what was healthy before. It is not begun when an instance is out
// of service: moving more of the fleet then would spend capacity on a guess.
func (r *run) rollBack(ctx context.Context) {
	var ways []*passage
	for _, p := range slices.Backward(r.passages) {
		switch {
		case p.outcome != Updated:
		case !p.served() || p.before.Release.Validate() != nil:
			p.remark(StepPrepare, "not rolled back: it was not healthy before, or its image has no digest to go back to")
		default:
			ways = append(ways, p.wayBack())
		}
	}
	if len(ways) == 0 {
		return
	}
	ways = r.illFirst(ctx, r.order(ways))
	batches := slices.Collect(slices.Chunk(ways, r.Policy.Batch.Of(len(r.Instances))))
	for i, batch := range batches {
		r.eta.enter(stageReturning, len(batches)-i-1)
		if err := r.reserve(ctx, batch); err != nil {
			r.report.remark("rollback stopped: " + oneLine(err))
			r.eta.abandon()
			return
		}
		r.each(batch, func(way *passage) { r.goBack(ctx, way) })
		if slices.ContainsFunc(batch, func(way *passage) bool { return way.outcome != Updated }) {
			r.eta.abandon()
			return
		}
	}
}

// illFirst puts those first that the load balancer does not call healthy now: the
// others may have to wait for them. Where it cannot be asked all stay as they are,
// and each batch's reservation says why.
func (r *run) illFirst(ctx context.Context, ways []*passage) []*passage {
	health, err := r.watch.health(ctx)
	if err != nil {
		return ways
	}
	well := func(p *passage) int {
		_, unhealthy := p.standing(health)
		return btoi(len(unhealthy) == 0)
	}
	slices.SortStableFunc(ways, func(a, b *passage) int { return cmp.Compare(well(a), well(b)) })
	return ways
}

// wayBack is the passage from the release to what the instance ran before.
func (p *passage) wayBack() *passage {
	return &passage{
		run: p.run, instance: p.instance, host: p.host,
		release: p.before.Release, origin: p,
		before:  State{InstanceID: p.instance.ID, Running: true, Release: p.release},
		targets: p.targets, registered: p.registered,
		outcome: Pending, running: p.running, soon: true,
	}
}

// goBack walks the way back and notes on the instance how it ended.
func (r *run) goBack(ctx context.Context, way *passage) {
	if err := way.step(ctx, table[0]); err != nil {
		way.err = fmt.Errorf("%s: %w", StepPrepare, err)
	} else {
		way.walk(ctx, life, 0)
	}
	p := way.origin
	p.steps, p.running = append(p.steps, way.steps...), way.running
	p.gone, p.doubt, p.unclosed = way.gone, way.doubt, way.unclosed
	p.entered, p.arrives = way.entered, way.arrives
	switch {
	case way.outcome == Updated:
		p.outcome = Restored
	case way.outcome == Lost:
		p.outcome, p.err = Lost, fmt.Errorf("roll back: %w", way.err)
	default:
		p.err = fmt.Errorf("roll back: %w", way.err)
	}
	p.emit(Event{Kind: InstanceEnded, Detail: string(p.outcome), Err: p.err})
}
