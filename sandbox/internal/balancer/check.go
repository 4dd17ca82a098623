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

// leastTimeout keeps a check on a busy machine from failing only because its
// timeout was divided by the factor: two in a row would cut the target's flows.
// A target that refuses fails its checks at once all the same.
const leastTimeout = 3 * time.Second

// checker checks one target from one place.
type checker struct {
	number  int
	client  *http.Client
	url     string
	every   time.Duration
	timeout time.Duration
}

// startChecks starts the target's checkers. The caller holds the lock.
func (b *Balancer) startChecks(r *registration) {
	ctx, cancel := context.WithCancel(b.ctx)
	r.stopChecks = cancel
	first := time.Until(r.checkedFrom())
	for n := range b.opts.Checkers {
		c := b.newChecker(r, n)
		// Each place checks at a time of its own within the interval.
		wait := max(0, first) + time.Duration(b.random.Int64N(int64(c.every)+1))
		b.tasks.Go(func() { b.check(ctx, r, c, wait) })
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
		number: number,
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		url:     fmt.Sprintf("http://%s:%d%s", r.Instance, port, spec.Path),
		every:   b.opts.scale(spec.Interval),
		timeout: max(b.opts.scale(spec.Timeout), leastTimeout),
	}
}

// check checks until ctx ends, for the first time after wait.
func (b *Balancer) check(ctx context.Context, r *registration, c checker, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(c.every)
		passed := !b.checksBlocked(r) && c.passes(ctx)
		if ctx.Err() != nil {
			return
		}
		b.observe(r, c.number, passed)
	}
}

func (b *Balancer) checksBlocked(r *registration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return r.instance.blocked
}

// passes makes one check. As for every Network Load Balancer, 200 to 399 pass.
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

func (b *Balancer) observe(r *registration, checker int, passed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fell := r.target.observe(checker, passed, time.Now())
	if fell && !r.draining() && r.group.attrs.on(AttrUnhealthyTerminate) {
		b.cut(r)
	}
}

// nodePeer is an address of the load balancer's own, as instances see it.
func (b *Balancer) nodePeer(place int) netip.AddrPort {
	b.mu.Lock()
	defer b.mu.Unlock()
	zone := place % len(b.opts.Zones)
	address := netip.AddrFrom4([4]byte{10, 0, byte(16 * zone), byte(10 + place)})
	return netip.AddrPortFrom(address, uint16(1024+b.random.IntN(64511)))
}
