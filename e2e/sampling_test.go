package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
)

// BenchmarkSampling counts the connections of a host that serves over its OpenSSH
// server, while a hundred are open. It reports what a sample costs the host, in
// CPU of all its processes: SSH's, the engine's and the service's. Each sample
// leaves a row in TIME_WAIT for a minute: -benchtime=60x has as many of them as
// a drain, which takes one a second.
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
		client, err := net.Dial("tcp", h.address+":8080")
		require.NoError(b, err)
		defer client.Close()
	}
	first, err := service.Traffic(b.Context())
	require.NoError(b, err)
	require.GreaterOrEqual(b, first.Open, open)
	before := h.cpu(b)
	for b.Loop() {
		_, err := service.Traffic(b.Context())
		require.NoError(b, err)
	}
	spent := h.cpu(b) - before
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "host-µs/op")
}

// cpu is what all processes of the host have taken so far.
func (h *host) cpu(t testing.TB) time.Duration {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	parent, took := map[int]int{}, map[int]time.Duration{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended
		}
		var pid int
		_, err = fmt.Sscan(string(text), &pid)
		require.NoError(t, err)
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest) // from the third on
		var ppid, user, system int
		_, err = fmt.Sscan(fields[1]+" "+fields[11]+" "+fields[12], &ppid, &user, &system)
		require.NoError(t, err)
		parent[pid] = ppid
		took[pid] = time.Duration(user+system) * time.Second / userHZ
	}
	var all time.Duration
	for pid := range took {
		for up := pid; up != 0; up = parent[up] {
			if up == h.init {
				all += took[pid]
				break
			}
		}
	}
	return all
}

// userHZ is the unit of times in /proc, on every architecture of Linux.
const userHZ = 100
