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
	requested, closed uint64 // of them: carried a request, and half closed
	uncounted         bool   // the service has no count of its own
	asked, looked     int
	from              []string // the addresses that were asked
	arp               string   // the instance's neighbours
	dead              string   // the address at which nobody answers
}

func (n *counting) ReadFile(ctx context.Context, name string) ([]byte, error) {
	if name == "/proc/7/net/snmp" {
		return fmt.Appendf(nil, "Tcp: ActiveOpens PassiveOpens CurrEstab\nTcp: %d %d %d\n", n.service.active, n.service.passive, n.service.established), nil
	}
	if name == neighbours && n.arp != "" {
		return []byte(n.arp), nil
	}
	return n.Reread(ctx, name)
}

func (n *counting) Reread(_ context.Context, name string) ([]byte, error) {
	switch name {
	case "/proc/7/net/tcp":
	case "/proc/7/net/tcp6":
		return tcpTable(), nil
	default:
		return nil, fs.ErrNotExist
	}
	n.looked++
	rows := []string{"00000000:1F90 00000000:0000 0A"}
	for range n.open - int(n.closed) {
		rows = append(rows, "0301A8C0:1F90 0A00000A:C001 01")
	}
	return tcpTable(rows...), nil
}

func (n *counting) Exchange(_ context.Context, address string, talk func(io.ReadWriter) error) error {
	n.from = append(n.from, address)
	if address == n.dead {
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
	h.serving = &serving{pid: 7, port: 8080}
	return h
}

// Looks that find the counters as they were neither look through the kernel's
// tables nor ask the service, and none that matters is missed.
func TestNothingHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &counting{}
		h := n.host()
		sample := func(open int, opened uint64, looked, asked int) {
			t.Helper()
			n.asked, n.looked = 0, 0
			found, err := h.Traffic(t.Context())
			require.NoError(t, err)
			require.Equal(t, rollout.Traffic{Open: open, Opened: opened, Source: rollout.ServiceCount}, found)
			require.Equal(t, looked, n.looked, "looks at the tables")
			require.Equal(t, asked, n.asked, "questions to the service")
		}
		sample(0, 0, 1, 1)
		sample(0, 0, 0, 0)
		time.Sleep(time.Hour)
		sample(0, 0, 0, 0)

		n.connect(1)
		sample(1, 1, 1, 1)
		sample(1, 1, 0, 0)
		n.connect(1)
		n.disconnect() // the other one
		sample(1, 2, 1, 1)
		n.connect(0) // a health check, between two looks
		n.disconnect()
		sample(1, 2, 1, 1)
		sample(1, 2, 0, 0)
		n.service.active++
		n.service.established++ // into the pool
		sample(1, 2, 1, 0)
		sample(1, 2, 0, 0)
		n.service.active++ // the pool changes, while a client leaves
		n.disconnect()
		n.service.established++
		sample(0, 2, 1, 0)
		sample(0, 2, 0, 0)

		n.connect(0)
		sample(1, 2, 1, 1)
		n.requested++ // on a connection that is there: no counter tells
		sample(1, 2, 0, 0)
		time.Sleep(believed)
		sample(1, 3, 1, 1)
		n.closed++ // from the client's side alone: none tells that either
		sample(1, 3, 0, 0)
		time.Sleep(believed)
		sample(0, 3, 1, 1)
	})
}

// Of many clients the tables are not looked at again until half of those seen have
// left, or the last look is too old.
func TestManyClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &counting{}
		h := n.host()
		happens := func(arriving, leaving, looked, asked int) {
			t.Helper()
			for range arriving {
				n.connect(1)
			}
			for range leaving {
				n.disconnect()
			}
			n.looked, n.asked = 0, 0
			found, err := h.Traffic(t.Context())
			require.NoError(t, err)
			require.Equal(t, rollout.Traffic{Open: n.open, Opened: n.requested, Source: rollout.ServiceCount}, found)
			require.Equal(t, looked, n.looked, "looks at the tables")
			require.Equal(t, asked, n.asked, "questions to the service")
		}
		happens(9, 0, 1, 1)
		happens(91, 0, 1, 1)
		happens(10, 0, 0, 1)
		happens(0, 59, 0, 0)
		happens(0, 1, 1, 0)
		happens(1, 25, 0, 1)
		time.Sleep(believed)
		happens(1, 1, 1, 1)
		happens(0, 12, 0, 0)
		happens(0, 1, 1, 0)
		happens(0, 4, 0, 0)
		happens(0, 3, 1, 0) // few
		happens(0, 1, 1, 0)
		happens(0, 5, 1, 0)
		time.Sleep(believed)
		happens(0, 0, 0, 1) // they may have sent a request after the last question
		time.Sleep(time.Hour)
		happens(0, 0, 0, 0)
	})
}

// Whatever happens between two samples, they hide nobody: who opened a connection
// is counted at once, and few who are connected are those who are.
func TestSamplesHideNobody(t *testing.T) {
	for seed := range uint64(500) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 0))
			n := &counting{}
			h := n.host()
			pool := uint64(0)
			for range 200 {
				for range dice.IntN(8) {
					switch dice.IntN(7) {
					case 0, 1:
						n.connect(1)
					case 2:
						n.connect(0)
					case 3, 4:
						if n.open > 0 {
							n.disconnect()
						}
					case 5:
						n.service.active++
						n.service.established++
						pool++
					case 6:
						n.service.established -= min(pool, 1)
						pool -= min(pool, 1)
					}
				}
				found, err := h.Traffic(t.Context())
				require.NoError(t, err)
				require.Equal(t, n.requested, found.Opened, "seed %d", seed)
				if found.Open <= many/2 {
					require.Equal(t, n.open, found.Open, "seed %d", seed)
				}
				time.Sleep(time.Duration(dice.IntN(3000)) * time.Millisecond)
			}
		})
	}
}

// A count that is the kernel's never has our own question in it.
func TestNothingHappenedByTheKernel(t *testing.T) {
	n := &counting{uncounted: true}
	h := n.host()
	for _, looked := range []int{1, 0, 0} {
		n.looked = 0
		found, err := h.Traffic(t.Context())
		require.NoError(t, err)
		require.Equal(t, rollout.Traffic{Source: rollout.KernelCount}, found)
		require.Equal(t, looked, n.looked)
	}
	n.connect(0)
	found, err := h.Traffic(t.Context())
	require.NoError(t, err)
	require.Equal(t, rollout.Traffic{Open: 1, Opened: 1, Source: rollout.KernelCount}, found)
	require.Equal(t, 1, n.asked)
}
