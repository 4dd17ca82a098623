package rollout

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// healthTimeout bounds one question for health, retries included.
const healthTimeout = 60 * time.Second

// watch asks the load balancer for health at a steady pace, and only while
// somebody waits: its calls are a function of time, not of instances.
type watch struct {
	balancer Balancer
	poll     time.Duration
	jitter   func(time.Duration) time.Duration // answers less than it is given
	life     context.Context                   // ends with the run; no waiter's context may end a shared question
	end      context.CancelFunc

	mu   sync.Mutex
	next *answer // to the question that is not asked yet
	last *answer // to the one before it
}

func newWatch(balancer Balancer, poll time.Duration, jitter func(time.Duration) time.Duration) *watch {
	if jitter == nil {
		jitter = rand.N[time.Duration]
	}
	life, end := context.WithCancel(context.Background())
	w := &watch{balancer: balancer, poll: poll, jitter: jitter, life: life, end: end, last: newAnswer()}
	close(w.last.done)
	return w
}

// answer is one round: everybody who waits for it shares it.
type answer struct {
	// of are the targets it is for, until it is asked; all where somebody wants all.
	of     map[Target]bool
	all    bool
	done   chan struct{}
	given  time.Time
	health Health
	err    error
}

func newAnswer() *answer { return &answer{of: map[Target]bool{}, done: make(chan struct{})} }

// want adds what one more waiter wants to know.
func (a *answer) want(of []Target) {
	a.all = a.all || len(of) == 0
	for _, t := range of {
		a.of[t] = true
	}
}

// targets are those to ask for; none mean all.
func (a *answer) targets() []Target {
	if a.all {
		return nil
	}
	return slices.SortedFunc(maps.Keys(a.of), Target.compare)
}

// health returns an answer to a question asked after the call began, so that
// an act before it is seen: for these targets at least, for all where none are
// named. Who waits for a few of a large fleet does not make the load balancer
// describe it whole, again and again.
func (w *watch) health(ctx context.Context, of ...Target) (Health, error) {
	return w.join(of, w.gap).await(ctx)
}

// whole is health of all.
func (w *watch) whole(ctx context.Context) (Health, error) { return w.health(ctx) }

// soon is health of all at the shortest of gaps, for a batch whose turn it is: what
// was asked while the one before it joined was not for that.
func (w *watch) soon(ctx context.Context) (Health, error) {
	return w.join(nil, func() time.Duration { return w.poll / 2 }).await(ctx)
}

func (a *answer) await(ctx context.Context) (Health, error) {
	select {
	case <-a.done:
		return a.health, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (w *watch) join(of []Target, gap func() time.Duration) *answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == nil {
		w.next = newAnswer()
		go w.ask(w.next, w.last, gap())
	}
	w.next.want(of)
	return w.next
}

// ask asks one question, the gap after the one before was answered: a load
// balancer that is slow is not asked without a pause.
func (w *watch) ask(a, before *answer, gap time.Duration) {
	defer close(a.done)
	<-before.done // soon: a question is bounded, and ends with the run
	if a.err = sleep(w.life, time.Until(before.given.Add(gap))); a.err != nil {
		return
	}
	w.mu.Lock()
	w.next, w.last = nil, a
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(w.life, healthTimeout)
	defer cancel()
	a.health, a.err = w.balancer.Health(ctx, a.targets()...)
	a.given = time.Now()
}

// gap is the poll interval with a jitter of half of it, so that runs of many
// environments in one account do not ask in step.
func (w *watch) gap() time.Duration {
	return w.poll/2 + w.jitter(w.poll)
}
