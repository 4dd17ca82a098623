package rollout

import (
	"context"
	"math/rand/v2"
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
	life     context.Context // ends with the run; no waiter's context may end a shared question
	end      context.CancelFunc

	asking sync.Mutex // one question at a time
	mu     sync.Mutex
	next   *answer
	last   time.Time
}

func newWatch(balancer Balancer, poll time.Duration) *watch {
	life, end := context.WithCancel(context.Background())
	return &watch{balancer: balancer, poll: poll, life: life, end: end}
}

// answer is one round: everybody who waits for it shares it.
type answer struct {
	done   chan struct{}
	health Health
	err    error
}

// health returns an answer to a question asked after the call began, so that
// an act before it is seen.
func (w *watch) health(ctx context.Context) (Health, error) {
	a := w.join()
	select {
	case <-a.done:
		return a.health, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (w *watch) join() *answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == nil {
		w.next = &answer{done: make(chan struct{})}
		go w.ask(w.next, time.Until(w.last.Add(w.gap())))
	}
	return w.next
}

func (w *watch) ask(a *answer, wait time.Duration) {
	defer close(a.done)
	if a.err = sleep(w.life, wait); a.err != nil {
		return
	}
	w.asking.Lock()
	defer w.asking.Unlock()
	w.mu.Lock()
	w.next, w.last = nil, time.Now()
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(w.life, healthTimeout)
	defer cancel()
	a.health, a.err = w.balancer.Health(ctx)
}

// gap is the poll interval with a jitter of half of it, so that runs of many
// environments in one account do not ask in step.
func (w *watch) gap() time.Duration {
	return w.poll/2 + rand.N(w.poll)
}

// sleep waits for d, or until ctx ends and then answers why.
func sleep(ctx context.Context, d time.Duration) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
