package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
)

// BenchmarkSampling counts the connections of a host that serves over its OpenSSH
// server. It reports what a sample costs the host, in CPU of all its processes:
// SSH's, the engine's and the service's. What clients do between two samples is
// done as often without samples, and taken off. Each question to the service leaves
// a row in TIME_WAIT for a minute: -benchtime=60x has as many of them as a drain,
// which takes a sample a second.
func BenchmarkSampling(b *testing.B) {
	needLab(b)
	f := newFleet(b, newWorkshop(b), 1)
	h := f.hosts[0]
	conn, err := remote.Dial(b.Context(), remote.Config{
		Name: h.ID, Address: h.address, User: "root", KeyFile: f.shop.key, KnownHosts: []string{f.variable("SSH_KNOWN_HOSTS")},
	})
	require.NoError(b, err)
	service, err := docker.Open(b.Context(), conn, docker.Options{Spec: docker.Spec{
		Name: "growl-backend", HostPort: 8080, ContainerPort: 8080, VersionPath: "/version", CountField: "connections", LabelPrefix: "dev.growl",
	}})
	require.NoError(b, err)
	defer service.Close()
	var clients []net.Conn
	arrive := func() { clients = append(clients, h.connect(b)) }
	leave := func() {
		_ = clients[0].Close()
		clients = clients[1:]
	}
	nothing := func() {}
	passBy := func() { _ = h.connect(b).Close() }
	// A drain of 60 samples, of which the first half finds that clients came, and
	// then each third that a health check did.
	sampled := 0
	drains := func() {
		if sampled++; sampled%60 < 30 || sampled%3 == 0 {
			passBy()
		}
	}
	for _, bench := range []struct {
		name             string
		open             int
		prepare, happens func() // before each pass as often as in it; between two samples
	}{
		{"check", 0, nothing, passBy}, // a health check, with nobody connected
		{"few", 5, nothing, passBy},
		{"still", 100, nothing, nothing},
		{"arriving", 100, nothing, passBy},
		{"leaving", 100, arrive, leave},
		{"drain", 0, nothing, drains},
	} {
		b.Run(bench.name, func(b *testing.B) {
			sample := func() {
				_, err := service.Traffic(b.Context())
				require.NoError(b, err)
			}
			pass := func(sample func()) time.Duration {
				for range b.N {
					bench.prepare()
				}
				h.sampled(b, service, len(clients))
				before := h.cpu(b)
				for range b.N {
					bench.happens()
					sample()
				}
				return h.cpu(b) - before
			}
			for range bench.open {
				arrive()
			}
			without := pass(func() {})
			b.ResetTimer()
			spent := pass(sample) - without
			b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "host-µs/op")
			for len(clients) > 0 {
				leave()
			}
		})
	}
}

// sampled waits until a sample finds as many connections as there are, twice: then
// the host is done with what happened before.
func (h *host) sampled(t testing.TB, service *docker.Host, open int) {
	t.Helper()
	for range 2 {
		require.Eventually(t, func() bool {
			now, err := service.Traffic(t.Context())
			require.NoError(t, err)
			return now.Open == open
		}, 10*time.Second, 20*time.Millisecond)
	}
}

func (h *host) connect(t testing.TB) net.Conn {
	t.Helper()
	client, err := net.Dial("tcp", h.address+":8080")
	require.NoError(t, err)
	return client
}

// cpu is what all processes of the host have taken so far, by the scheduler's own
// count: that of /proc/PID/stat goes by hundredths of a second.
func (h *host) cpu(t testing.TB) time.Duration {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	parent, took := map[string]string{}, map[string]time.Duration{}
	for _, folder := range folders {
		text, err := os.ReadFile(folder + "/stat")
		if err != nil {
			continue // it ended
		}
		_, rest, _ := strings.Cut(string(text), ") ") // the name may hold spaces
		pid := filepath.Base(folder)
		parent[pid] = strings.Fields(rest)[1]
		took[pid] = ran(folder)
	}
	init := strconv.Itoa(h.init)
	var all time.Duration
	for pid := range took {
		for up := pid; up != ""; up = parent[up] {
			if up == init {
				all += took[pid]
				break
			}
		}
	}
	require.Positive(t, all, "does this kernel count in schedstat?")
	return all
}

// ran is how long the threads of a process ran.
func ran(folder string) time.Duration {
	threads, _ := filepath.Glob(folder + "/task/*/schedstat")
	var all time.Duration
	for _, thread := range threads {
		text, _ := os.ReadFile(thread) // nothing, where it ended
		var took time.Duration
		_, _ = fmt.Sscan(string(text), &took)
		all += took
	}
	return all
}
