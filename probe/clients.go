package probe

import (
	"context"
	"time"
)

// openNew sends Options.Rate requests per second, each on a connection of its own. Requests are due by the clock and do
// not wait for earlier answers. If this goroutine is late it catches up, so that the rate holds over any longer time.
func (p *Probe) openNew(ctx context.Context) {
	rate := p.options.Rate
	free := make(chan struct{}, p.options.InFlight)
	tick := time.NewTicker(max(time.Duration(float64(time.Second)/rate), time.Millisecond))
	defer tick.Stop()
	begun, sent := time.Now(), int64(0)
	for {
		due := 1 + int64(float64(time.Since(begun).Microseconds())*rate/1e6)
		for ; sent < due && ctx.Err() == nil; sent++ {
			p.openOne(ctx, free)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// openOne sends one request in the background, if the cap allows it.
func (p *Probe) openOne(ctx context.Context, free chan struct{}) {
	select {
	case free <- struct{}{}:
	default:
		p.tally.failed(overrun, time.Now())
		return
	}
	p.clients.Go(func() {
		defer func() { <-free }()
		p.request(ctx, nil, p.target.once).close()
	})
}

// keepAlive is the i-th client that keeps its connection. The clients start spread over one interval.
func (p *Probe) keepAlive(ctx context.Context, i int) {
	interval := p.options.Interval
	offset := time.NewTimer(interval * time.Duration(i) / time.Duration(p.options.KeepAlive))
	defer offset.Stop()
	select {
	case <-ctx.Done():
		return
	case <-offset.C:
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var l *link
	defer func() { l.close() }()
	for ctx.Err() == nil {
		l = p.request(ctx, l, p.target.again)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// request sends a request over l, or over a new connection if l is nil, and counts the result. It returns the
// connection if another request may follow on it.
func (p *Probe) request(ctx context.Context, l *link, text []byte) *link {
	deadline := time.Now().Add(p.options.Timeout)
	if l == nil {
		var f fault
		if l, f = p.connect(ctx, deadline); f != "" {
			p.tally.failed(f, time.Now())
			return nil
		}
	}
	a, f := l.exchange(text, deadline)
	if f != "" {
		p.tally.failed(f, time.Now())
		l.close()
		return nil
	}
	p.tally.good(a.commit, time.Now())
	if !a.reusable {
		l.close()
		return nil
	}
	return l
}

// connect dials. It completes even if the probe ends meanwhile.
func (p *Probe) connect(ctx context.Context, deadline time.Time) (*link, fault) {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	conn, err := p.dial(ctx, "tcp", p.target.address())
	if err != nil {
		return nil, dialFault(err)
	}
	return newLink(conn), ""
}
