package nlb

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/rollout"
)

// abreast is how many calls of one kind go to one group at the same time: one that
// hangs holds nobody else up.
const abreast = 4

// joint makes one call of what several ask for while calls are under way. A large
// batch leaves its group in a few calls, where one for each instance would be
// throttled.
type joint struct {
	call func(ctx context.Context, targets []rollout.Target) error

	mu       sync.Mutex
	underway int
	queue    []*wish
}

// wish is what one caller asks for.
type wish struct {
	ctx     context.Context
	targets []rollout.Target // at most perCall
	done    chan struct{}
	err     error
}

// ask has targets changed, with those of others maybe. When ctx ends first they may
// be changed all the same, unless their call had not begun.
func (j *joint) ask(ctx context.Context, targets []rollout.Target) error {
	w := &wish{ctx: ctx, targets: targets, done: make(chan struct{})}
	j.mu.Lock()
	j.queue = append(j.queue, w)
	if j.underway < abreast {
		j.underway++
		go j.work()
	}
	j.mu.Unlock()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work makes calls until nobody waits.
func (j *joint) work() {
	for wishes := j.take(); len(wishes) > 0; wishes = j.take() {
		j.grant(wishes)
	}
}

// take takes as many wishes as fit into a call, without those that nobody has any
// more. With none left the worker is done.
func (j *joint) take() (taken []*wish) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = slices.DeleteFunc(j.queue, func(w *wish) bool { return w.ctx.Err() != nil })
	room := perCall
	for len(j.queue) > 0 && len(j.queue[0].targets) <= room {
		room -= len(j.queue[0].targets)
		taken, j.queue = append(taken, j.queue[0]), j.queue[1:]
	}
	if len(taken) == 0 {
		j.underway--
	}
	return taken
}

// grant makes one call for all wishes. Where the API refuses it for one of the
// targets, each wish is called for alone.
func (j *joint) grant(wishes []*wish) {
	ctx, cancel := whileAnyWaits(wishes)
	defer cancel()
	var targets []rollout.Target
	for _, w := range wishes {
		for _, t := range w.targets {
			if !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
		}
	}
	err := j.call(ctx, targets)
	if len(wishes) == 1 || !refusesATarget(err) {
		for _, w := range wishes {
			w.answer(err)
		}
		return
	}
	var alone errgroup.Group
	alone.SetLimit(atOnce)
	for _, w := range wishes {
		alone.Go(func() error {
			w.answer(j.call(w.ctx, w.targets))
			return nil
		})
	}
	_ = alone.Wait() // each wish has its own error
}

func (w *wish) answer(err error) {
	w.err = err
	close(w.done)
}

// whileAnyWaits is a context that ends once nobody waits for the wishes: what one of
// them gives up the others still want.
func whileAnyWaits(wishes []*wish) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(wishes[0].ctx))
	var waiting atomic.Int64
	waiting.Store(int64(len(wishes)))
	var stops []func() bool
	for _, w := range wishes {
		stops = append(stops, context.AfterFunc(w.ctx, func() {
			if waiting.Add(-1) == 0 {
				cancel()
			}
		}))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

// refusesATarget reports whether a call was refused, whole, for what one target of it
// is or for how many there are.
func refusesATarget(err error) bool {
	var invalid *types.InvalidTargetException
	var many *types.TooManyTargetsException
	var often *types.TooManyRegistrationsForTargetIdException
	return errors.As(err, &invalid) || errors.As(err, &many) || errors.As(err, &often)
}
