package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// counting is an instance with one container, whose network counts as the kernel's.
type counting struct {
	proc
	service           counters
	open              int    // connections of clients
	pool              uint64 // of the service's own
	requested, closed uint64 // of them: carried a request, and half closed
	uncounted         bool   // the service has no count of its own
	mute              bool   // it does not answer
	asked, looked     int
	from              []string      // the addresses that were asked
	arp               string        // the instance's neighbours
	dead              string        // the address at which nobody answers
	file              func() string // what the count's file holds; nil: there is none
}

func (n *counting) ReadFile(_ context.Context, name string) ([]byte, error) {
	if name == neighbours && n.arp != "" {
		return []byte(n.arp), nil
	}
	return nil, fs.ErrNotExist
}

func (n *counting) Reread(_ context.Context, names ...string) (contents [][]byte, err error) {
	for _, name := range names {
		contents = append(contents, n.content(name))
	}
	return contents, nil
}

func (n *counting) content(name string) []byte {
	switch name {
	case "/proc/7/net/snmp":
		return fmt.Appendf(nil, "Tcp: ActiveOpens PassiveOpens CurrEstab\nTcp: %d %d %d\n", n.service.active, n.service.passive, n.service.established)
	case "/proc/7/net/tcp":
	case "/proc/7/net/tcp6":
		return tcpTable()
	case "/logs/connections":
		if n.file == nil {
			return nil
		}
		return []byte(n.file())
	default:
		return nil
	}
	n.looked++
	rows := []string{"00000000:1F90 00000000:0000 0A"}
	for range n.open - int(n.closed) {
		rows = append(rows, "0301A8C0:1F90 0A00000A:C001 01")
	}
	return tcpTable(rows...)
}

func (n *counting) Exchange(_ context.Context, address string, talk func(io.ReadWriter) error) error {
	n.from = append(n.from, address)
	if n.mute || address == n.dead {
		return errors.New("connection refused")
	}
	n.asked++
	n.service.passive++
	body := fmt.Sprintf(`{"connections":%d}`, n.requested)
	if n.uncounted {
		body = "{}"
	}
	return talk(&said{fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)})
}

// said is a conversation of which only one side counts.
type said struct{ answer []byte }

func (s *said) Write(p []byte) (int, error) { return len(p), nil }

func (s *said) Read(p []byte) (int, error) {
	if len(s.answer) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.answer)
	s.answer = s.answer[n:]
	return n, nil
}

// connect and disconnect are a client's; a connection in the pool of a service is
// its own.
func (n *counting) connect(requests uint64) {
	n.service.passive++
	n.service.established++
	n.open++
	n.requested += requests
}

func (n *counting) disconnect() {
	n.service.established--
	n.open--
}

func (n *counting) host() *Host {
	h := &Host{conn: n, spec: Spec{HostPort: 80, VersionPath: "/version", CountField: "connections"}}
	h.serving = &serving{pid: 7, port: 8080, countFile: "/logs/connections"}
	return h
}

// passBy is a connection that came and went between two samples.
func (n *counting) passBy(requests uint64) {
	n.connect(requests)
	n.disconnect()
}

// What a sample did. Half of one says so.
const (
	nothing  = "nothing"
	looked   = "looked"
	asked    = "asked"
	both     = "looked and asked"
	onlyLook = "only looked"
	onlyAsk  = "only asked"
)

// sample is one call of Traffic, and what it did.
func (n *counting) sample(t *testing.T, h *Host) (found rollout.Traffic, did string) {
	t.Helper()
	n.asked, n.looked = 0, 0
	found, err := h.Traffic(t.Context())
	require.NoError(t, err)
	did = map[[2]int]string{{0, 0}: nothing, {1, 0}: looked, {0, 1}: asked, {1, 1}: both}[[2]int{n.looked, n.asked}]
	if found.Half {
		did = "only " + did
	}
	found.Half = false
	return found, did
}

// Samples that find the counters as they were neither look through the kernel's
// tables nor ask the service; others do one of the two, and the next does the other.
func TestNothingHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &counting{}
		h := n.host()
		sample := func(open int, opened uint64, want string) {
			t.Helper()
			found, did := n.sample(t, h)
			require.Equal(t, want, did)
			require.Equal(t, rollout.Traffic{Open: open, Opened: opened, Source: rollout.ServiceCount}, found)
		}
		sample(0, 0, both)
		sample(0, 0, nothing)
		time.Sleep(time.Hour)
		sample(0, 0, nothing)

		n.connect(1)
		sample(0, 1, onlyAsk)
		sample(1, 1, looked)
		sample(1, 1, nothing)
		n.connect(1)
		n.disconnect() // the other one
		sample(1, 2, onlyAsk)
		sample(1, 2, looked)
		n.passBy(0) // a health check
		sample(1, 2, onlyAsk)
		sample(1, 2, looked)
		sample(1, 2, nothing)
		n.service.active++
		n.service.established++ // into the pool
		sample(1, 2, looked)
		sample(1, 2, nothing)
		n.service.active++ // the pool changes, while a client leaves
		n.disconnect()
		n.service.established++
		sample(0, 2, looked)
		sample(0, 2, nothing)

		n.passBy(0)
		sample(0, 2, onlyAsk)
		for range 3 { // each time a health check
			n.passBy(0)
			sample(0, 2, onlyLook)
			n.passBy(0)
			sample(0, 2, onlyAsk)
		}
		n.connect(0)
		sample(1, 2, onlyLook)
		sample(1, 2, asked)
		time.Sleep(believed / 2)
		n.requested++ // on a connection that is there: no counter tells
		sample(1, 2, nothing)
		time.Sleep(believed / 2)
		sample(1, 3, onlyAsk)
		sample(1, 3, looked)
		n.closed++ // from the client's side alone: none tells that either
		sample(1, 3, nothing)
		time.Sleep(believed)
		sample(1, 3, onlyAsk)
		sample(0, 3, looked)
		n.connect(0)
		sample(0, 3, onlyAsk) // when nobody was yet known to be connected
		sample(1, 3, looked)
		n.requested++
		time.Sleep(believed)
		sample(1, 4, onlyAsk)
	})
}

// While clients keep coming the service is asked each time, the tables are looked
// at once in a while.
func TestClientsKeepComing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &counting{}
		h := n.host()
		n.sample(t, h)
		for second := range 30 {
			time.Sleep(time.Second)
			n.passBy(1)
			found, did := n.sample(t, h)
			if second%10 == 9 {
				require.Equal(t, onlyLook, did)
				require.Equal(t, n.requested-1, found.Opened)
			} else {
				require.Equal(t, onlyAsk, did)
				require.Equal(t, n.requested, found.Opened)
			}
		}
	})
}

// Of many clients the tables are not looked at again until half of those seen have
// left, or the last look is too old.
func TestManyClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &counting{}
		h := n.host()
		happens := func(arriving, leaving int, want ...string) {
			t.Helper()
			for range arriving {
				n.connect(1)
			}
			for range leaving {
				n.disconnect()
			}
			var found rollout.Traffic
			for _, want := range want {
				var did string
				found, did = n.sample(t, h)
				require.Equal(t, want, did)
			}
			require.Equal(t, rollout.Traffic{Open: n.open, Opened: n.requested, Source: rollout.ServiceCount}, found)
		}
		happens(9, 0, both)
		happens(91, 0, onlyAsk, looked)
		happens(10, 0, asked)
		happens(0, 59, nothing)
		happens(0, 1, looked)
		happens(1, 25, asked)
		time.Sleep(believed)
		happens(1, 1, onlyAsk, looked)
		happens(0, 12, nothing)
		happens(0, 1, looked)
		happens(0, 4, nothing)
		happens(0, 3, looked) // few
		happens(0, 1, looked)
		happens(0, 5, looked)
		time.Sleep(believed)
		happens(0, 0, asked) // they may have sent a request after the last question
		time.Sleep(time.Hour)
		happens(0, 0, nothing)
	})
}

// Whatever happens between samples, they hide nobody. One that is not half is exact.
// Who had opened a connection by one sample is counted by the next; and where two in a
// row find nobody connected, nor anybody new since the one before, there was a moment
// when nobody was.
func TestSamplesHideNobody(t *testing.T) {
	for seed := range uint64(500) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 0))
			n := &counting{}
			h := n.host()
			type moment struct {
				found     rollout.Traffic
				open      int
				requested uint64
			}
			var past, last moment
			for i := range 200 {
				n.happen(dice)
				found, did := n.sample(t, h)
				now := moment{found, n.open, n.requested}
				switch did {
				case onlyAsk, onlyLook:
					require.LessOrEqual(t, found.Opened, now.requested, "seed %d", seed)
				default:
					require.True(t, did != both || i == 0, "seed %d", seed)
					require.Equal(t, now.requested, found.Opened, "seed %d", seed)
					if found.Open <= many/2 {
						require.Equal(t, now.open, found.Open, "seed %d", seed)
					}
				}
				require.GreaterOrEqual(t, found.Opened, last.requested, "seed %d", seed)
				if past.found.Opened == found.Opened && last.found.Open == 0 && found.Open == 0 {
					require.Zero(t, min(last.open, now.open), "seed %d", seed)
				}
				past, last = last, now
				time.Sleep(time.Duration(dice.IntN(3000)) * time.Millisecond)
			}
		})
	}
}

// happen is what happens between two samples.
func (n *counting) happen(dice *rand.Rand) {
	for range dice.IntN(8) {
		switch dice.IntN(8) {
		case 0, 1:
			n.connect(1)
		case 2:
			n.connect(0)
		case 3, 4:
			for range min(n.open, dice.IntN(5)) {
				n.disconnect()
			}
		case 5:
			n.service.active++
			n.service.established++
			n.pool++
		case 6:
			n.service.established -= min(n.pool, 1)
			n.pool -= min(n.pool, 1)
		case 7:
			n.passBy(uint64(dice.IntN(2)))
		}
	}
}

// A service that does not answer any more is not heard every other time, because the
// tables were looked at instead.
func TestACountThatIsLostIsMissedEachTime(t *testing.T) {
	n := &counting{}
	h := n.host()
	n.sample(t, h)
	n.mute = true
	for range 5 {
		n.passBy(0) // a health check
		_, err := h.Traffic(t.Context())
		require.ErrorContains(t, err, "connection refused")
	}
	n.mute = false
	n.passBy(1)
	found, did := n.sample(t, h)
	require.Equal(t, both, did)
	require.Equal(t, uint64(1), found.Opened)
	n.passBy(1)
	_, did = n.sample(t, h)
	require.Equal(t, onlyAsk, did)
}

// A count that is the kernel's never has our own question in it.
func TestNothingHappenedByTheKernel(t *testing.T) {
	n := &counting{uncounted: true}
	h := n.host()
	for _, want := range []string{both, nothing, nothing} {
		found, did := n.sample(t, h)
		require.Equal(t, rollout.Traffic{Source: rollout.KernelCount}, found)
		require.Equal(t, want, did)
	}
	n.connect(0)
	found, did := n.sample(t, h)
	require.Equal(t, rollout.Traffic{Open: 1, Opened: 1, Source: rollout.KernelCount}, found)
	require.Equal(t, looked, did, "it has no count")
}
