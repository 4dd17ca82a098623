package probe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

// refresh is the interval at which a host name is resolved again. A load balancer removes the address of a zone without
// a healthy target from its name, with a TTL of 60 s.
const refresh = 30 * time.Second

// target is the server's address and the text of the two kinds of requests.
type target struct {
	host   string // without port, as in the URL
	port   string
	secure bool
	once   []byte // the request that asks for the connection to be closed
	again  []byte // the request that keeps it

	mu        sync.Mutex
	addresses []netip.Addr
}

func newTarget(ctx context.Context, u *url.URL) (*target, error) {
	t := &target{host: u.Hostname(), port: u.Port(), secure: u.Scheme == "https"}
	if t.port == "" {
		t.port = map[bool]string{false: "80", true: "443"}[t.secure]
	}
	head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: deploy-probe\r\nAccept: */*\r\n", u.RequestURI(), u.Host)
	t.once, t.again = []byte(head+"Connection: close\r\n\r\n"), []byte(head+"\r\n")
	if literal, err := netip.ParseAddr(t.host); err == nil {
		t.addresses = []netip.Addr{literal}
		return t, nil
	}
	return t, t.resolve(ctx)
}

// resolve resolves the host name. If that fails, the earlier addresses stay in use.
func (t *target) resolve(ctx context.Context) error {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", t.host)
	if err != nil {
		return fmt.Errorf("resolve %s: %w", t.host, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addresses = oneFamily(found)
	return nil
}

// oneFamily returns the IPv4 addresses if there are any, because the lack of IPv6 on this machine should not count as a
// failure of the load balancer.
func oneFamily(found []netip.Addr) []netip.Addr {
	var four []netip.Addr
	for _, a := range found {
		if a.Unmap().Is4() {
			four = append(four, a.Unmap())
		}
	}
	if len(four) > 0 {
		return four
	}
	return found
}

// keepResolved resolves the host name at each refresh until ctx ends.
func (t *target) keepResolved(ctx context.Context) {
	if _, err := netip.ParseAddr(t.host); err == nil {
		return
	}
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = t.resolve(ctx)
		}
	}
}

// address returns one of the host's addresses at random. A [net.Dialer] with the host name would try the other
// addresses after a failure, and hide it.
func (t *target) address() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return net.JoinHostPort(t.addresses[rand.IntN(len(t.addresses))].String(), t.port)
}
