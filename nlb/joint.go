package nlb

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/rollout"
)

// abreast is how many calls of one kind go to one group at the same time: one that
// hangs holds up nobody but those in it.
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
// be changed all the same, by a call that was under way.
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

// grant makes one call for all wishes. What somebody gives up meanwhile is called for
// no longer: the call ends, and another is made for the others. Where the API refuses
// it for one of the targets, each wish is called for alone.
func (j *joint) grant(wishes []*wish) {
	for len(wishes) > 0 {
		err := j.callFor(wishes)
		left := slices.DeleteFunc(slices.Clone(wishes), func(w *wish) bool { return w.ctx.Err() != nil })
		if err == nil || len(left) == len(wishes) {
			j.settle(wishes, err)
			return
		}
		wishes = left
	}
}

// settle answers the wishes of a call that has ended.
func (j *joint) settle(wishes []*wish, err error) {
	if len(wishes) == 1 || !refusesATarget(err) {
		for _, w := range wishes {
			w.answer(err)
		}
		return
	}
	var alone errgroup.Group
	alone.SetLimit(abreast)
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

// callFor makes one call, which ends once somebody gives his wish up.
func (j *joint) callFor(wishes []*wish) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(wishes[0].ctx))
	defer cancel()
	var targets []rollout.Target
	for _, w := range wishes {
		defer context.AfterFunc(w.ctx, cancel)()
		for _, t := range w.targets {
			if !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
		}
	}
	return j.call(ctx, targets)
}

// refusesATarget reports whether a call was refused, whole, for what one target of it
// is or for how many there are.
func refusesATarget(err error) bool {
	var invalid *types.InvalidTargetException
	var many *types.TooManyTargetsException
	var often *types.TooManyRegistrationsForTargetIdException
	return errors.As(err, &invalid) || errors.As(err, &many) || errors.As(err, &often)
}
