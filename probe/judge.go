package probe

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// maxFailed is the share of requests that may fail. If more fail, the release is not healthy, even if its health checks
// pass.
const maxFailed = 0.01

// Judge decides by the receipt of a probe whether a rollout may begin and go on. [Judge.Answers], [Judge.Guard] and
// [Judge.Watch] fit rollout.Config's Gates, Guards and Watches.
type Judge struct {
	snapshot func() Receipt

	mu    sync.Mutex
	begun bool
	last  Receipt
}

// NewJudge returns a Judge that reads the receipt of p.
func NewJudge(p *Probe) *Judge { return &Judge{snapshot: p.Snapshot} }

// Begin begins the receipt of the first batch. The caller calls it when the first instance is deregistered, because the
// release cannot have caused earlier failures. Later calls change nothing.
func (j *Judge) Begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.begun {
		j.begun, j.last = true, j.snapshot()
	}
}

// Answers returns a check that refuses a run if none of the first requests succeeds, because with a wrong URL the run
// would halt after its first batch.
func (j *Judge) Answers() Check { return Check{j.answers} }

// Guard returns a check that halts a run if more than one request in a hundred failed since it was last called.
// Requests that this machine could not send do not count.
func (j *Judge) Guard() Check {
	return Check{func(context.Context) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		err := j.judge(1)
		j.last = j.snapshot()
		return err
	}}
}

// Watch returns the same check for a batch that bakes. It may be called at any pace, and it needs at least ten failed
// requests, because a few among the first requests are not a rate yet.
func (j *Judge) Watch() Check {
	return Check{func(context.Context) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.judge(10)
	}}
}

// Check is a condition of a rollout that a probe decides.
type Check struct{ check func(context.Context) error }

// Name returns "probe".
func (c Check) Name() string { return "probe" }

// Check returns an error if the condition does not hold.
func (c Check) Check(ctx context.Context) error { return c.check(ctx) }

// firstRequests is the number of requests that a probe waits for before a run begins, and firstWait the longest time
// that it waits. It is twice a request's default timeout of 5 s, so that a server that does not respond is reported
// too.
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
			return fmt.Errorf("none of %d requests through the load balancer succeeded (%s): check the URL, or leave out -probe to deploy without this check", requests, now)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// judge returns an error if at least least requests failed, and more than maxFailed of all. The caller holds the lock.
func (j *Judge) judge(least int64) error {
	now := j.snapshot()
	own := now.Own() - j.last.Own()
	requests, failed := now.Requests-j.last.Requests-own, now.Failed-j.last.Failed-own
	if requests > 0 && failed >= least && float64(failed)/float64(requests) > maxFailed {
		return fmt.Errorf("%d of %d requests through the load balancer failed", failed, requests)
	}
	return nil
}
