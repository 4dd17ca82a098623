package rollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// rollBack takes what the run updated back to what ran before, through the same rows and by the same capacity rule. What
// is not healthy any more costs no capacity and goes first, then the fleet from its end, with zones alternating. An
// instance goes back only to what was healthy before. If an instance is out of service, the run does not roll back,
// because moving more of the fleet would spend capacity on a guess.
func (r *run) rollBack(ctx context.Context) {
	var ways updates
	for _, u := range slices.Backward(r.updates) {
		switch {
		case u.state != stateUpdated:
		case u.before.Unproven != "":
			u.report.remark(StepPrepare, "not rolled back, because a new container of what ran before would not be proven: %s", u.before.Unproven)
		case !u.registration.wasHealthy() || u.before.Release.Validate() != nil:
			u.report.remark(StepPrepare, "not rolled back: it was not healthy before, or its image has no digest to go back to")
		default:
			ways = append(ways, wayBack(u))
		}
	}
	if len(ways) == 0 {
		return
	}
	ways = r.unhealthyFirst(ctx, order(ways))
	watching, end := context.WithCancel(ctx)
	defer end()
	batches := slices.Collect(slices.Chunk(ways, r.Policy.Batch.Of(len(r.Instances))))
	for i, batch := range batches {
		r.eta.enter(stageReturning, len(batches)-i-1)
		if err := r.reserve(ctx, batch); err != nil {
			r.report.remark("rollback stopped: " + oneLine(err))
			r.eta.abandon()
			return
		}
		watchFirst(watching, batches[i+1:])
		r.each(batch, func(way *instanceUpdate) { goBack(ctx, way) })
		if slices.ContainsFunc(batch, func(way *instanceUpdate) bool { return way.state != stateUpdated }) {
			r.eta.abandon()
			return
		}
	}
}

// unhealthyFirst sorts those first that the load balancer does not call healthy now, because the others may have to wait
// for them. If health cannot be read, the order stays, and the reservation of the first batch returns the reason.
func (r *run) unhealthyFirst(ctx context.Context, ways updates) updates {
	health, err := r.poller.health(ctx)
	if err != nil {
		return ways
	}
	isHealthy := func(u *instanceUpdate) int {
		_, unhealthy := u.registration.compare(health)
		return btoi(len(unhealthy) == 0)
	}
	slices.SortStableFunc(ways, func(a, b *instanceUpdate) int { return cmp.Compare(isHealthy(a), isHealthy(b)) })
	return ways
}

// wayBack returns the update from the release to what the instance ran before. It shares the connection and the
// registration with the update that it takes back.
func wayBack(u *instanceUpdate) *instanceUpdate {
	way := newInstanceUpdate(u.session, u.instance)
	way.host, way.meter.service = u.host, u.host
	way.release, way.forward = u.before.Release, u
	way.before = State{InstanceID: u.instance.ID, Running: true, Release: u.release}
	way.registration, way.running = u.registration, u.running
	return way
}

// goBack walks the way back and notes on the update that it takes back how that ended.
func goBack(ctx context.Context, way *instanceUpdate) {
	way.meter.stop()
	if err := way.record(ctx, StepPrepare, doing, table[0].do); err != nil {
		way.err = fmt.Errorf("%s: %w", StepPrepare, err)
	} else {
		way.walk(ctx, life, 0)
	}
	u := way.forward
	u.steps, u.running = append(u.steps, way.steps...), way.running
	u.closingOwed, u.unsettled = way.closingOwed, way.unsettled
	switch way.state {
	case stateUpdated:
		u.state = stateRestored
	case stateOutOfService:
		u.state, u.err = stateOutOfService, fmt.Errorf("roll back: %w", way.err)
	default:
		u.err = fmt.Errorf("roll back: %w", way.err)
	}
	u.reportEnd()
}
