package docker

import (
	"context"
	"fmt"
	"io"
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
}

func (n *counting) ReadFile(ctx context.Context, name string) ([]byte, error) {
	if name == "/proc/7/net/snmp" {
		return fmt.Appendf(nil, "Tcp: ActiveOpens PassiveOpens CurrEstab\nTcp: %d %d %d\n", n.service.active, n.service.passive, n.service.established), nil
	}
	return n.Reread(ctx, name)
}

func (n *counting) Reread(_ context.Context, name string) ([]byte, error) {
	if name != "/proc/7/net/tcp" {
		return tcpTable(), nil
	}
	n.looked++
	rows := []string{"00000000:1F90 00000000:0000 0A"}
	for range n.open - int(n.closed) {
		rows = append(rows, "0301A8C0:1F90 0A00000A:C001 01")
	}
	return tcpTable(rows...), nil
}

func (n *counting) Exchange(_ context.Context, _ string, talk func(io.ReadWriter) error) error {
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

// Looks that find the counters as they were neither look through the kernel's
// tables nor ask the service, and none that matters is missed.
func TestNothingHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &counting{}
		h := &Host{conn: n, spec: Spec{HostPort: 8080, VersionPath: "/version", CountField: "connections"}}
		h.serving = &serving{pid: 7, port: 8080}
		sample := func(open int, opened uint64, closely int) {
			t.Helper()
			n.asked, n.looked = 0, 0
			found, err := h.Traffic(t.Context())
			require.NoError(t, err)
			require.Equal(t, rollout.Traffic{Open: open, Opened: opened, Source: rollout.ServiceCount}, found)
			require.Equal(t, closely, n.asked)
			require.Equal(t, closely, n.looked)
		}
		sample(0, 0, 1)
		sample(0, 0, 0)
		time.Sleep(time.Hour)
		sample(0, 0, 0)

		n.connect(1)
		sample(1, 1, 1)
		sample(1, 1, 0)
		n.connect(1)
		n.disconnect() // the other one
		sample(1, 2, 1)
		sample(1, 2, 0)
		n.connect(0) // a health check, between two looks
		n.disconnect()
		sample(1, 2, 1)
		n.service.active++
		n.service.established++ // into the pool
		sample(1, 2, 1)
		sample(1, 2, 0)
		n.service.active++ // the pool changes, while a client leaves
		n.disconnect()
		n.service.established++
		sample(0, 2, 1)
		sample(0, 2, 0)

		n.connect(0)
		sample(1, 2, 1)
		n.requested++ // on a connection that is there: no counter tells
		sample(1, 2, 0)
		time.Sleep(believed)
		sample(1, 3, 1)
		n.closed++ // from the client's side alone: none tells that either
		sample(1, 3, 0)
		time.Sleep(believed)
		sample(0, 3, 1)
	})
}

// A count that is the kernel's has our own question in it no more than once.
func TestNothingHappenedByTheKernel(t *testing.T) {
	n := &counting{uncounted: true}
	h := &Host{conn: n, spec: Spec{HostPort: 8080, VersionPath: "/version", CountField: "connections"}}
	h.serving = &serving{pid: 7, port: 8080}
	for _, looked := range []int{1, 0, 0} {
		n.looked = 0
		found, err := h.Traffic(t.Context())
		require.NoError(t, err)
		require.Equal(t, rollout.Traffic{Opened: 1, Source: rollout.KernelCount}, found)
		require.Equal(t, looked, n.looked)
	}
	n.connect(0)
	found, err := h.Traffic(t.Context())
	require.NoError(t, err)
	require.Equal(t, rollout.Traffic{Open: 1, Opened: 2, Source: rollout.KernelCount}, found)
	require.Equal(t, 1, n.asked)
}
