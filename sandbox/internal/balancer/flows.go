package balancer

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
)

// Stats are the counts of one target's connections. They outlive its registration.
type Stats struct {
	// Forwarded counts the connections that reached the target.
	Forwarded uint64
	// Refused counts the connections reset because the target refused them.
	Refused uint64
	// Cut counts the flows reset because the target was unhealthy or unused.
	Cut uint64
	// Open is the number of flows at this moment.
	Open int
}

// TargetStats are the counts of one target.
type TargetStats struct {
	Target
	Stats
}

// Stats returns the counts of every target that ever got a connection, in order.
func (b *Balancer) Stats() []TargetStats { return b.flows.all() }

// flowTable holds the open flows and the counts of every target.
type flowTable struct {
	mu     sync.Mutex
	open   map[*flow]struct{}
	stats  map[Target]Stats
	closed bool
}

// all returns the counts of every target, in order.
func (t *flowTable) all() []TargetStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]TargetStats, 0, len(t.stats))
	for target, stats := range t.stats {
		all = append(all, TargetStats{target, stats})
	}
	slices.SortFunc(all, func(x, y TargetStats) int { return cmpTarget(x.Target, y.Target) })
	return all
}

func cmpTarget(x, y Target) int {
	if c := strings.Compare(x.Group, y.Group); c != 0 {
		return c
	}
	if c := strings.Compare(x.Instance, y.Instance); c != 0 {
		return c
	}
	return x.Port - y.Port
}

// add adds an open flow. It returns false after close.
func (t *flowTable) add(f *flow) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.open[f] = struct{}{}
	t.count(f.target.Target, func(s *Stats) { s.Forwarded++; s.Open++ })
	return true
}

// remove removes a flow that has ended.
func (t *flowTable) remove(f *flow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, f)
	t.count(f.target.Target, func(s *Stats) { s.Open-- })
}

// refused counts a connection that the target refused.
func (t *flowTable) refused(target Target) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(target, func(s *Stats) { s.Refused++ })
}

// cut resets all flows of a target.
func (t *flowTable) cut(r *registration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for f := range t.open {
		if f.target == r {
			f.abort()
			t.count(r.Target, func(s *Stats) { s.Cut++ })
		}
	}
}

// close resets all flows. No flow can be added afterwards.
func (t *flowTable) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for f := range t.open {
		f.abort()
	}
}

// count changes the counts of a target. The caller holds mu.
func (t *flowTable) count(target Target, change func(*Stats)) {
	s := t.stats[target]
	change(&s)
	t.stats[target] = s
}

// flow is one client's connection and the one to its target.
type flow struct {
	target         *registration
	client, server net.Conn
}

// splice copies both ways until both ends have closed their direction. It forwards the end of one direction as a
// half-close, and an error as a reset.
func (f *flow) splice() {
	back := make(chan struct{})
	go func() {
		defer close(back)
		f.copy(f.client, f.server)
	}()
	f.copy(f.server, f.client)
	<-back
	_ = f.client.Close()
	_ = f.server.Close()
}

func (f *flow) copy(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil || closeWrite(to) != nil {
		f.abort()
	}
}

// abort resets both ends, which ends the copying. It may be called at any time.
func (f *flow) abort() {
	reset(f.client)
	reset(f.server)
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// reset closes a connection with RST instead of an orderly end.
func reset(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
