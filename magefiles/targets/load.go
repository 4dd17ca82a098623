package targets

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// mostFailed is the share of a batch's requests that may fail: beyond it the run
// halts, because a release that fails requests is not healthy, whatever checks say.
const mostFailed = 0.01

// load is the probe of a run, and what judges its receipt; empty where none was asked
// for.
type load struct {
	probe *probe.Probe
	guard *receiptGuard
}

// guards halt a run whose requests fail.
func (l load) guards() []rollout.Gate {
	if l.probe == nil {
		return nil
	}
	return []rollout.Gate{l.guard}
}

// watches do while a batch bakes.
func (l load) watches() []rollout.Gate {
	if l.probe == nil {
		return nil
	}
	return []rollout.Gate{receiptWatch{l.guard}}
}

// gates refuse a run whose probe hears nothing good: a wrong URL would halt it
// after its first batch.
func (l load) gates() []rollout.Gate {
	if l.probe == nil {
		return nil
	}
	return []rollout.Gate{&answerGate{snapshot: l.probe.Snapshot}}
}

// observe has the receipt of the first batch begin when an instance leaves: what
// failed before is none of the release's doing.
func (l load) observe(e rollout.Event) {
	if l.probe != nil && e.Step == rollout.StepDeregister && e.Kind == rollout.StepBegun {
		l.guard.first.Do(l.guard.begin)
	}
}

// firstRequests is how many requests a probe waits for before a run begins, and
// firstWait for how long at most: a silent server answers nothing for 5 s.
const (
	firstRequests = 20
	firstWait     = 10 * time.Second
)

// answerGate waits for the probe's first requests.
type answerGate struct{ snapshot func() probe.Receipt }

func (g *answerGate) Name() string { return "probe" }

// Check refuses where none of the requests is answered well.
func (g *answerGate) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, firstWait)
	defer cancel()
	began := g.snapshot()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		now := g.snapshot()
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

// receiptGuard looks at a batch's requests: those since it was last asked.
type receiptGuard struct {
	snapshot func() probe.Receipt
	first    sync.Once

	mu   sync.Mutex
	last probe.Receipt
}

func (g *receiptGuard) Name() string { return "probe" }

// Check refuses where more than mostFailed of the batch's requests failed, and
// begins the next batch's.
func (g *receiptGuard) Check(context.Context) error {
	err := g.judge(1)
	g.begin()
	return err
}

func (g *receiptGuard) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = g.snapshot()
}

// judge wants at least so many failures to be more than mostFailed. It leaves out
// what this machine could not send.
func (g *receiptGuard) judge(least int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.snapshot()
	own := now.Own() - g.last.Own()
	requests, failed := now.Requests-g.last.Requests-own, now.Failed-g.last.Failed-own
	if requests > 0 && failed >= least && float64(failed)/float64(requests) > mostFailed {
		return fmt.Errorf("%d of %d requests through the load balancer failed", failed, requests)
	}
	return nil
}

// receiptWatch judges the batch that bakes without ending its receipt. A few failures
// among the first requests are no rate yet: ten are.
type receiptWatch struct{ guard *receiptGuard }

func (w receiptWatch) Name() string                { return w.guard.Name() }
func (w receiptWatch) Check(context.Context) error { return w.guard.judge(10) }

func startProbe(ctx context.Context, url string) (load, error) {
	if url == "" {
		return load{}, nil
	}
	p, err := probe.Start(context.WithoutCancel(ctx), probe.Options{URL: url})
	if err != nil {
		return load{}, usage("%v", err)
	}
	return load{p, &receiptGuard{snapshot: p.Snapshot}}, nil
}

// line is the running receipt; empty without a probe.
func (l load) line() string {
	if l.probe == nil {
		return ""
	}
	return l.probe.Snapshot().String()
}

// stop ends the probe and returns its receipt for the report.
func (l load) stop() *probe.Receipt {
	if l.probe == nil {
		return nil
	}
	receipt := l.probe.Stop()
	return &receipt
}
