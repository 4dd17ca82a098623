package rollout

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// pollTimeout bounds one call of Health, retries included.
const pollTimeout = 60 * time.Second

// healthPoller reads health from the load balancer at a steady pace, and only while somebody waits, so that the number of
// its calls depends on the time and not on the number of instances.
type healthPoller struct {
	balancer Balancer
	interval time.Duration
	jitter   func(time.Duration) time.Duration // returns less than its argument
	life     context.Context                   // ends with the run. No waiter's context may end a shared call
	end      context.CancelFunc

	mu   sync.Mutex
	next *poll // the one that has not been sent; nil: nobody waits
	last *poll // the one before it
}

func newHealthPoller(balancer Balancer, interval time.Duration, jitter func(time.Duration) time.Duration) *healthPoller {
	if jitter == nil {
		jitter = rand.N[time.Duration]
	}
	life, end := context.WithCancel(context.Background())
	p := &healthPoller{balancer: balancer, interval: interval, jitter: jitter, life: life, end: end, last: newPoll()}
	close(p.last.done)
	return p
}

// poll is one call of Health, whose result is shared by all who wait for it.
type poll struct {
	// targets are those that the call is for; all is set if somebody waits for all. Both are fixed when it is sent.
	targets map[Target]bool
	all     bool

	done     chan struct{} // closed when the fields below are set
	returned time.Time
	health   Health
	err      error
}

func newPoll() *poll { return &poll{targets: map[Target]bool{}, done: make(chan struct{})} }

// add adds the targets that one more waiter needs; none: all.
func (p *poll) add(targets []Target) {
	p.all = p.all || len(targets) == 0
	for _, t := range targets {
		p.targets[t] = true
	}
}

// arguments returns the targets to call Health with; none: all.
func (p *poll) arguments() []Target {
	if p.all {
		return nil
	}
	return slices.SortedFunc(maps.Keys(p.targets), Target.compare)
}

// await returns the result of the poll.
func (p *poll) await(ctx context.Context) (Health, error) {
	select {
	case <-p.done:
		return p.health, p.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// health returns the health of these targets at least, or of all if there are none. The load balancer is called after
// health was, so that the result shows every act before it. It is not called for all targets if everybody waits for a few,
// because a large fleet would otherwise be described as a whole again and again.
func (p *healthPoller) health(ctx context.Context, targets ...Target) (Health, error) {
	return p.join(targets, p.gap).await(ctx)
}

// all returns the health of all targets.
func (p *healthPoller) all(ctx context.Context) (Health, error) { return p.health(ctx) }

// allSoon returns the health of all targets after the shortest gap. It is for a batch whose turn it is, because the polls
// while the batch before it joined did not include all targets.
func (p *healthPoller) allSoon(ctx context.Context) (Health, error) {
	return p.join(nil, func() time.Duration { return p.interval / 2 }).await(ctx)
}

// join returns the next poll, with these targets added.
func (p *healthPoller) join(targets []Target, gap func() time.Duration) *poll {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = newPoll()
		go p.send(p.next, p.last, gap())
	}
	p.next.add(targets)
	return p.next
}

// send makes one call, the gap after the one before returned, so that a slow load balancer is not called without a pause.
func (p *healthPoller) send(next, before *poll, gap time.Duration) {
	defer close(next.done)
	<-before.done // it ends soon, because a call is bounded and ends with the run
	if next.err = sleep(p.life, time.Until(before.returned.Add(gap))); next.err != nil {
		return
	}
	p.mu.Lock()
	p.next, p.last = nil, next
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(p.life, pollTimeout)
	defer cancel()
	next.health, next.err = p.balancer.Health(ctx, next.arguments()...)
	next.returned = time.Now()
}

// gap returns the interval with a jitter of half of it, so that runs in several environments of one account do not call
// in step.
func (p *healthPoller) gap() time.Duration {
	return p.interval/2 + p.jitter(p.interval)
}
