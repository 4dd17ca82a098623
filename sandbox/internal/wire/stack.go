package wire

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// State is a TCP state with the kernel's number (include/net/tcp_states.h).
type State uint8

// The states a [Snapshot] can hold.
const (
	StateEstablished State = 0x01
	StateFinWait2    State = 0x05
	StateTimeWait    State = 0x06
	StateCloseWait   State = 0x08
	StateListen      State = 0x0A
)

// Row is one socket of a namespace.
type Row struct {
	Local, Peer netip.AddrPort
	State       State
	// V6 is set for a socket of /proc/<pid>/net/tcp6. A program that listens on all addresses, as Go's do, has its IPv4
	// connections there too, as v4-mapped ones.
	V6 bool
}

// Snapshot is the state of a namespace at one moment.
type Snapshot struct {
	// Rows are the sockets: first those that listen, then the connections in the order in which they were opened, and
	// then those in TIME_WAIT.
	Rows []Row
	// PassiveOpens and ActiveOpens are the numbers of accepted and of made connections since the namespace began. They
	// include health checks and container probes.
	PassiveOpens, ActiveOpens uint64
}

// Established returns the number of rows in state ESTABLISHED, including outgoing ones. The kernel's CurrEstab also
// includes those in CLOSE_WAIT.
func (s Snapshot) Established() int {
	count := 0
	for _, r := range s.Rows {
		if r.State == StateEstablished || r.State == StateCloseWait {
			count++
		}
	}
	return count
}

// Stack is one network namespace: its sockets and counts.
type Stack struct {
	addr netip.Addr

	mu              sync.Mutex
	next            uint64
	rows            map[uint64]Row
	waiting         []timeWait // in order of their end
	listening       []int
	passive, active uint64
}

// The kernel's TCP_TIMEWAIT_LEN, and the largest number of rows in TIME_WAIT. The kernel's own limit,
// tcp_max_tw_buckets, is far higher.
const (
	timeWaitLength = 60 * time.Second
	maxTimeWait    = 256
)

// timeWait is the row of a connection that the container closed first.
type timeWait struct {
	row   Row
	until time.Time
}

// NewStack returns the namespace of a container at addr. Its counters are zero.
func NewStack(addr netip.Addr) *Stack {
	return &Stack{addr: addr, rows: map[uint64]Row{}}
}

// Addr returns the container's address.
func (s *Stack) Addr() netip.Addr { return s.addr }

// Snapshot returns the present sockets and counters.
func (s *Stack) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := Snapshot{PassiveOpens: s.passive, ActiveOpens: s.active}
	for _, port := range s.listening {
		any6 := netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port))
		snap.Rows = append(snap.Rows, Row{
			Local: any6, Peer: netip.AddrPortFrom(netip.IPv6Unspecified(), 0), State: StateListen, V6: true,
		})
	}
	ids := make([]uint64, 0, len(s.rows))
	for id := range s.rows {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, cmp.Compare[uint64])
	for _, id := range ids {
		snap.Rows = append(snap.Rows, s.rows[id])
	}
	s.expire(time.Now())
	for _, w := range s.waiting {
		snap.Rows = append(snap.Rows, w.row)
	}
	return snap
}

// expire removes the rows whose TIME_WAIT is over. The caller holds mu.
func (s *Stack) expire(now time.Time) {
	ended := 0
	for ended < len(s.waiting) && (now.After(s.waiting[ended].until) || len(s.waiting)-ended > maxTimeWait) {
		ended++
	}
	s.waiting = slices.Delete(s.waiting, 0, ended)
}

// Connect adds an outgoing connection, such as one of a database pool. The returned function removes it.
func (s *Stack) Connect(local uint16, peer netip.AddrPort) (closeConn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active++
	id := s.add(Row{Local: netip.AddrPortFrom(s.addr, local), Peer: peer, State: StateEstablished})
	return func() { s.remove(id) }
}

// Probe adds one connection over the namespace's loopback, such as that of a container's health check. Both ends are in
// the namespace, so it is an active and a passive open. The returned function ends it.
func (s *Stack) Probe(port int, from uint16) (closeConn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active++
	s.passive++
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	client, server := netip.AddrPortFrom(loopback, from), netip.AddrPortFrom(loopback, uint16(port))
	a := s.add(Row{Local: client, Peer: server, State: StateEstablished})
	b := s.add(Row{Local: server, Peer: client, State: StateEstablished, V6: true})
	return func() {
		s.remove(a)
		s.remove(b)
	}
}

func (s *Stack) accept(port int, peer netip.AddrPort) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passive++
	return s.add(Row{Local: netip.AddrPortFrom(s.addr, uint16(port)), Peer: peer, State: StateEstablished, V6: true})
}

func (s *Stack) listen(port int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.listening, port) {
		s.listening = append(s.listening, port)
	}
}

// add adds a row. The caller holds mu.
func (s *Stack) add(r Row) uint64 {
	s.next++
	s.rows[s.next] = r
	return s.next
}

// shut records the FIN of one side. The FIN of the second side ends the row.
func (s *Stack) shut(id uint64, to State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.rows[id]
	switch {
	case !ok || r.State == to:
	case r.State == StateEstablished:
		r.State = to
		s.rows[id] = r
	default:
		s.end(id)
	}
}

// remove records that the peer has closed the connection.
func (s *Stack) remove(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(id)
}

// end ends a row. The side that closed first keeps it in TIME_WAIT. The caller holds mu.
func (s *Stack) end(id uint64) {
	r, ok := s.rows[id]
	delete(s.rows, id)
	if ok && r.State == StateFinWait2 {
		r.State = StateTimeWait
		now := time.Now()
		s.waiting = append(s.waiting, timeWait{r, now.Add(timeWaitLength)})
		s.expire(now)
	}
}
