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
// server, while a hundred are open. It reports what a sample costs the host, in
// CPU of all its processes: SSH's, the engine's and the service's. Once nothing
// happens between two samples; once a client comes and goes, whose connection is
// in the figure. There each sample leaves two rows in TIME_WAIT for a minute:
// -benchtime=60x has as many of them as a drain, which takes one a second.
func BenchmarkSampling(b *testing.B) {
	needLab(b)
	f := newFleet(b, newWorkshop(b), 1)
	h := f.hosts[0]
	conn, err := remote.Dial(b.Context(), remote.Config{
		Name: h.ID, Address: h.address, User: "root", KeyFile: f.shop.key, KnownHosts: []string{f.variable("SSH_KNOWN_HOSTS")},
	})
	require.NoError(b, err)
	service, err := docker.Open(b.Context(), conn, docker.Options{Spec: docker.Spec{
		Name: "growl-backend", HostPort: 8080, ContainerPort: 8080, VersionPath: "/version", CountField: "connections",
	}})
	require.NoError(b, err)
	defer service.Close()
	const open = 100
	for range open {
		defer h.connect(b).Close()
	}
	for name, meanwhile := range map[string]func(){
		"still":   func() {},
		"clients": func() { _ = h.connect(b).Close() },
	} {
		b.Run(name, func(b *testing.B) {
			first, err := service.Traffic(b.Context())
			require.NoError(b, err)
			require.GreaterOrEqual(b, first.Open, open)
			before := h.cpu(b)
			for b.Loop() {
				meanwhile()
				_, err := service.Traffic(b.Context())
				require.NoError(b, err)
			}
			spent := h.cpu(b) - before
			b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "host-µs/op")
		})
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
