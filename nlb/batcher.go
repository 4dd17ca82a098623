package nlb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/internal/fence"
	"github.com/growl-dev/deploy/rollout"
)

// callsPerGroup is the number of calls of one kind that may run in one group at the same time, so that a call that
// hangs delays only the requests in it.
const callsPerGroup = 4

// batcher combines requests that arrive while calls are running into one call. A large batch of instances leaves its
// group in a few calls, because one call per instance would be throttled.
type batcher struct {
	call func(ctx context.Context, targets []rollout.Target) error

	mu      sync.Mutex
	running int
	queue   []*request
}

// request holds the targets of one caller.
type request struct {
	ctx     context.Context
	targets []rollout.Target // at most targetsPerCall
	done    chan struct{}
	err     error
}

// do has the targets changed, in one call with those of other requests if there are any. If ctx ends first, do returns
// its error, but a call that was already running may still change the targets.
func (b *batcher) do(ctx context.Context, targets []rollout.Target) error {
	r := &request{ctx: ctx, targets: targets, done: make(chan struct{})}
	b.mu.Lock()
	b.queue = append(b.queue, r)
	if b.running < callsPerGroup {
		b.running++
		go b.work()
	}
	b.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work makes calls until the queue is empty.
func (b *batcher) work() {
	for requests := b.nextBatch(); len(requests) > 0; requests = b.nextBatch() {
		b.execute(requests)
	}
}

// nextBatch removes as many requests from the queue as fit into one call, without those whose context has ended. If
// none is left, the worker ends.
func (b *batcher) nextBatch() (batch []*request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = slices.DeleteFunc(b.queue, func(r *request) bool { return r.ctx.Err() != nil })
	room := targetsPerCall
	for len(b.queue) > 0 && len(b.queue[0].targets) <= room {
		room -= len(b.queue[0].targets)
		batch, b.queue = append(batch, b.queue[0]), b.queue[1:]
	}
	if len(batch) == 0 {
		b.running--
	}
	return batch
}

// execute makes one call for all requests. If a request's context ends meanwhile, the call is cancelled and made again
// for the others.
func (b *batcher) execute(requests []*request) {
	for len(requests) > 0 {
		err := b.send(requests)
		left := slices.DeleteFunc(slices.Clone(requests), func(r *request) bool { return r.ctx.Err() != nil })
		if err == nil || len(left) == len(requests) {
			b.settle(requests, err)
			return
		}
		requests = left
	}
}

// settle returns the result of a call to its requests. If the API refused the call because of one target of many, each
// target is called for alone, so that the others are changed and only the caller of that target gets the error.
func (b *batcher) settle(requests []*request, err error) {
	if len(requests) == 1 && len(requests[0].targets) == 1 || !refusesATarget(err) {
		for _, r := range requests {
			r.finish(err)
		}
		return
	}
	var alone errgroup.Group
	alone.SetLimit(callsPerGroup)
	for _, r := range requests {
		alone.Go(func() error {
			var faults []error
			for _, t := range r.targets {
				if err := b.send([]*request{{ctx: r.ctx, targets: []rollout.Target{t}}}); err != nil {
					faults = append(faults, fmt.Errorf("%s:%d: %w", t.Instance, t.Port, err))
				}
			}
			r.finish(errors.Join(faults...))
			return nil
		})
	}
	_ = alone.Wait() // each request has its own error
}

func (r *request) finish(err error) {
	r.err = err
	close(r.done)
}

// send makes one call, which is cancelled as soon as the context of one request ends. It is not sent once the act of one
// request came too late.
func (b *batcher) send(requests []*request) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(requests[0].ctx))
	defer cancel()
	var targets []rollout.Target
	for _, r := range requests {
		defer context.AfterFunc(r.ctx, cancel)()
		for _, t := range r.targets {
			if !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
		}
	}
	inTime := func() error {
		for _, r := range requests {
			if err := rollout.CheckAct(r.ctx); err != nil {
				return err
			}
		}
		return nil
	}
	return fence.Send(ctx, inTime, func(ctx context.Context) error { return b.call(ctx, targets) })
}

// refusesATarget reports whether the API refused the whole call because of one target or because of their number.
func refusesATarget(err error) bool {
	var invalid *types.InvalidTargetException
	var many *types.TooManyTargetsException
	var often *types.TooManyRegistrationsForTargetIdException
	return errors.As(err, &invalid) || errors.As(err, &many) || errors.As(err, &often)
}
