package bench

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/growl-dev/deploy/probe"
)

// clients are the clients of a service, with times and rates as in AWS.
type clients struct {
	name string
	// rate is the number of connections per second that each of them opens. Those of one service open theirs together, as
	// the connections of a browser or a pool are opened.
	rate float64
	// number is how many there are; zero: one.
	number int
	// on is the time for which they come, before they stay away for as long; zero: they always come.
	on time.Duration
	// kept is the number of connections that each keeps and sends requests over.
	kept int
}

// options returns the requests of one client in the sandbox's time. The rate is bounded because this machine sends the
// requests too.
func (c clients) options(url string, factor float64) probe.Options {
	o := probe.Options{URL: url, Rate: -1, KeepAlive: -1, Timeout: 30 * time.Second, Interval: scaled(5*time.Second, factor)}
	if c.rate > 0 {
		o.Rate = min(c.rate*factor, maxServiceRate)
	}
	if c.kept > 0 {
		o.KeepAlive = c.kept
	}
	return o
}

// traffic is what the clients of a service sent so far.
type traffic struct {
	mu      sync.Mutex
	receipt probe.Receipt
	err     error
}

// send lets the clients come. The returned function ends that and returns what they sent; nil if there are none.
func (c clients) send(ctx context.Context, url string, factor float64) (stop func() (*probe.Receipt, error)) {
	if c.rate == 0 && c.kept == 0 {
		return func() (*probe.Receipt, error) { return nil, nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	var sent traffic
	var all sync.WaitGroup
	for range max(1, c.number) {
		all.Go(func() { c.come(ctx, c.options(url, factor), scaled(c.on, factor), &sent) })
	}
	return func() (*probe.Receipt, error) {
		cancel()
		all.Wait()
		return &sent.receipt, sent.err
	}
}

// come is one client.
func (c clients) come(ctx context.Context, o probe.Options, on time.Duration, sent *traffic) {
	for ctx.Err() == nil {
		stay, leave := ctx, func() {}
		if on > 0 {
			stay, leave = context.WithTimeout(ctx, on)
		}
		p, err := probe.Start(ctx, o)
		if err != nil {
			leave()
			sent.add(probe.Receipt{}, err)
			return
		}
		<-stay.Done()
		leave()
		sent.add(p.Stop(), nil)
		select {
		case <-ctx.Done():
		case <-time.After(on):
		}
	}
}

func (t *traffic) add(r probe.Receipt, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = errors.Join(t.err, err)
	t.receipt.Requests += r.Requests
	t.receipt.Failed += r.Failed
	t.receipt.LongestGap = max(t.receipt.LongestGap, r.LongestGap)
	if t.receipt.ByError == nil {
		t.receipt.ByError = map[string]int64{}
	}
	for reason, n := range maps.All(r.ByError) {
		t.receipt.ByError[reason] += n
	}
}
