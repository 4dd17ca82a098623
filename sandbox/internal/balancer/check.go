package balancer

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// leastTimeout is the shortest timeout of a check. Without it, checks on a busy machine could fail only because their
// timeout was divided by the factor, and two failures in a row reset the target's flows. A target that refuses
// connections fails its checks at once all the same.
const leastTimeout = 3 * time.Second

// checker checks the health of one target from one place, until its context ends.
type checker struct {
	client  *http.Client
	url     string
	every   time.Duration // between the beginnings of two checks
	timeout time.Duration
	// observe is called with the result of each check.
	observe func(passed bool)
}

// startChecks starts the target's checkers. The caller holds the lock.
func (b *Balancer) startChecks(r *registration) {
	ctx, cancel := context.WithCancel(b.ctx)
	r.stopChecks = cancel
	first := time.Until(r.checkedFrom())
	for n := range b.opts.Checkers {
		c := b.newChecker(r, n)
		// The places check at different times within the interval.
		wait := max(0, first) + time.Duration(b.random.Int64N(int64(c.every)+1))
		b.tasks.Go(func() { c.run(ctx, wait) })
	}
}

func (b *Balancer) newChecker(r *registration, number int) checker {
	spec := r.group.HealthCheck
	dial, port := r.instance.dial, r.Port
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx, port, b.nodePeer(number))
		},
	}
	return checker{
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		url:     fmt.Sprintf("http://%s:%d%s", r.Instance, port, spec.Path),
		every:   b.opts.scale(spec.Interval),
		timeout: max(b.opts.scale(spec.Timeout), leastTimeout),
		observe: func(passed bool) { b.observe(r, number, passed) },
	}
}

// run checks until ctx ends. The first check begins after wait.
func (c checker) run(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(c.every)
		passed := c.passes(ctx)
		if ctx.Err() != nil {
			return
		}
		c.observe(passed)
	}
}

// passes makes one check and reports whether it passed. As with every Network Load Balancer, statuses 200 to 399 pass.
func (c checker) passes(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return false
	}
	request.Header.Set("User-Agent", "ELB-HealthChecker/2.0")
	response, err := c.client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	return err == nil && response.StatusCode >= 200 && response.StatusCode < 400
}

// observe counts the result of one check. If it made the target unhealthy and the group's attribute requires it, the
// target's flows are reset.
func (b *Balancer) observe(r *registration, checker int, passed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fell := r.target.observe(checker, passed, time.Now())
	if fell && !r.draining() && r.group.attrs.on(AttrUnhealthyTerminate) {
		b.flows.cut(r)
	}
}

// nodePeer returns an address and a random port of a node, as instances see it.
func (b *Balancer) nodePeer(place int) netip.AddrPort {
	b.mu.Lock()
	defer b.mu.Unlock()
	zone := place % len(b.opts.Zones)
	address := netip.AddrFrom4([4]byte{10, 0, byte(16 * zone), byte(10 + place)})
	return netip.AddrPortFrom(address, uint16(1024+b.random.IntN(64511)))
}
