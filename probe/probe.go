package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"
)

// Probe is a running stream of requests. Its methods may be called concurrently.
type Probe struct {
	options Options
	target  *target
	dial    dialer
	tally   tally

	cancel  context.CancelFunc
	clients sync.WaitGroup
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Start begins to send requests, and goes on until ctx ends or Stop is called. A request that was begun always runs
// until its answer or its timeout. Start returns an error, on one line, if an option is not valid or the host cannot be
// resolved. A server that cannot be reached is not an error: its failed requests are counted.
func Start(ctx context.Context, o Options) (*Probe, error) {
	return start(ctx, o, (&net.Dialer{}).DialContext)
}

func start(ctx context.Context, o Options, dial dialer) (*Probe, error) {
	o, err := o.filled()
	if err != nil {
		return nil, fmt.Errorf("start probe: %w", err)
	}
	u, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	lookup, done := context.WithTimeout(ctx, o.Timeout)
	defer done()
	t, err := newTarget(lookup, u)
	if err != nil {
		return nil, fmt.Errorf("start probe: %w", err)
	}
	p := &Probe{options: o, target: t, dial: dial}
	if t.secure {
		p.dial = secured(dial, o.TLS, t.host)
	}
	p.run(ctx)
	return p, nil
}

func (p *Probe) run(ctx context.Context) {
	ctx, p.cancel = context.WithCancel(ctx)
	p.tally.start(time.Now())
	context.AfterFunc(ctx, func() { p.tally.stop(time.Now()) })
	p.clients.Go(func() { p.target.keepResolved(ctx) })
	if p.options.Rate > 0 {
		p.clients.Go(func() { p.openNew(ctx) })
	}
	for i := range p.options.KeepAlive {
		p.clients.Go(func() { p.keepAlive(ctx, i) })
	}
}

// Stop stops sending, waits for pending answers, at most for Options.Timeout, and returns the final receipt. Stopping
// again returns the same receipt.
func (p *Probe) Stop() Receipt {
	p.tally.stop(time.Now())
	p.cancel()
	p.clients.Wait()
	return p.Snapshot()
}

// Snapshot returns the receipt so far. It does not contain requests in flight yet.
func (p *Probe) Snapshot() Receipt { return p.tally.receipt(time.Now()) }

// secured wraps a dialer with TLS.
func secured(dial dialer, config *tls.Config, host string) dialer {
	if config == nil {
		config = &tls.Config{}
	}
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		plain, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(plain, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = plain.Close()
			return nil, &handshakeError{err}
		}
		return conn, nil
	}
}
