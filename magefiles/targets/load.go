package targets

import (
	"context"
	"fmt"
	"time"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// mostFailed is the share of a batch's requests that may fail: beyond it the run
// halts, because a release that fails requests is not healthy, whatever checks say.
const mostFailed = 0.01

// load is the probe of a run; nil where none was asked for.
type load struct{ probe *probe.Probe }

// guards halt a run whose requests fail.
func (l load) guards() []rollout.Gate {
	if l.probe == nil {
		return nil
	}
	return []rollout.Gate{&receiptGuard{snapshot: l.probe.Snapshot}}
}

// gates refuse a run whose probe hears nothing good: a wrong URL would halt it
// after its first batch.
func (l load) gates() []rollout.Gate {
	if l.probe == nil {
		return nil
	}
	return []rollout.Gate{&answerGate{snapshot: l.probe.Snapshot}}
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

// receiptGuard looks at the requests since it was last asked.
type receiptGuard struct {
	snapshot func() probe.Receipt
	last     probe.Receipt
}

func (g *receiptGuard) Name() string { return "probe" }

// Check refuses where more than mostFailed of the requests since the last time failed.
func (g *receiptGuard) Check(context.Context) error {
	now := g.snapshot()
	requests, failed := now.Requests-g.last.Requests, now.Failed-g.last.Failed
	g.last = now
	if requests > 0 && float64(failed)/float64(requests) > mostFailed {
		return fmt.Errorf("%d of %d requests through the load balancer failed", failed, requests)
	}
	return nil
}

func startProbe(ctx context.Context, url string) (load, error) {
	if url == "" {
		return load{}, nil
	}
	p, err := probe.Start(context.WithoutCancel(ctx), probe.Options{URL: url})
	if err != nil {
		return load{}, usage("%v", err)
	}
	return load{p}, nil
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
