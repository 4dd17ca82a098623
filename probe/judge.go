package probe

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// mostFailed is the share of requests that may fail. Beyond it a release is not healthy, whatever its checks answer.
const mostFailed = 0.01

// Judge decides by the receipt of a probe whether a rollout may begin and go on. [Judge.Answers], [Judge.Guard] and
// [Judge.Watch] fit rollout.Config's Gates, Guards and Watches.
type Judge struct {
	snapshot func() Receipt

	mu    sync.Mutex
	begun bool
	last  Receipt
}

// NewJudge returns the judge of a probe's receipt.
func NewJudge(p *Probe) *Judge { return &Judge{snapshot: p.Snapshot} }

// Begin begins the receipt of the first batch. The caller calls it when the first instance leaves, because what failed
// before is not the release's doing. Later calls change nothing.
func (j *Judge) Begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.begun {
		j.begun, j.last = true, j.snapshot()
	}
}

// Answers refuses a run none of whose first requests is answered well, because a wrong URL would halt it after its
// first batch.
func (j *Judge) Answers() Check { return Check{j.answers} }

// Guard halts a run of which more than one request in a hundred failed since it was last called. It leaves out the
// requests that this machine could not send.
func (j *Judge) Guard() Check {
	return Check{func(context.Context) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		err := j.judge(1)
		j.last = j.snapshot()
		return err
	}}
}

// Watch is Guard for a batch that bakes: it may be called at any pace, and it needs ten failed requests, because a few
// among the first requests are no rate yet.
func (j *Judge) Watch() Check {
	return Check{func(context.Context) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.judge(10)
	}}
}

// Check is a condition of a rollout that a probe decides.
type Check struct{ check func(context.Context) error }

// Name is "probe".
func (c Check) Name() string { return "probe" }

// Check returns an error if the condition does not hold.
func (c Check) Check(ctx context.Context) error { return c.check(ctx) }

// firstRequests is how many requests a probe waits for before a run begins, and firstWait for how long at most: a
// silent server answers nothing for 5 s.
const (
	firstRequests = 20
	firstWait     = 10 * time.Second
)

func (j *Judge) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, firstWait)
	defer cancel()
	began := j.snapshot()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		now := j.snapshot()
		requests, failed := now.Requests-began.Requests, now.Failed-began.Failed
		switch {
		case failed < requests:
			return nil
		case requests >= firstRequests || ctx.Err() != nil:
			return fmt.Errorf("none of %d requests through the load balancer was answered well (%s): is the URL right? Without -probe nobody asks", requests, now)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// judge wants at least so many failures to be more than mostFailed. The caller holds the lock.
func (j *Judge) judge(least int64) error {
	now := j.snapshot()
	own := now.Own() - j.last.Own()
	requests, failed := now.Requests-j.last.Requests-own, now.Failed-j.last.Failed-own
	if requests > 0 && failed >= least && float64(failed)/float64(requests) > mostFailed {
		return fmt.Errorf("%d of %d requests through the load balancer failed", failed, requests)
	}
	return nil
}
