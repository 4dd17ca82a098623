package docker

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// requestedFile is the file as growl-backend keeps it.
func (n *counting) requestedFile() string { return fmt.Sprintf("%020d\n", n.requested) }

// A service that keeps its count in a file is asked once. No sample is half then.
func TestCountIsReadFromItsFile(t *testing.T) {
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 0))
			n := &counting{}
			n.file = n.requestedFile
			h := n.host()
			_, did := n.sample(t, h)
			require.Equal(t, both, did)
			for range 50 {
				n.happen(dice)
				found, did := n.sample(t, h)
				require.Contains(t, []string{nothing, looked}, did, "seed %d", seed)
				require.Equal(t, n.requested, found.Opened, "seed %d", seed)
				require.Equal(t, rollout.ServiceCount, found.Source, "seed %d", seed)
				if found.Open <= many/2 {
					require.Equal(t, n.open, found.Open, "seed %d", seed)
				}
				time.Sleep(time.Duration(dice.IntN(3000)) * time.Millisecond)
			}
		})
	}
}

// The first request on a connection that was there shows in no counter, and yet in
// the file at once.
func TestCountOfAFileIsNeverOld(t *testing.T) {
	n := &counting{}
	n.file = n.requestedFile
	h := n.host()
	n.connect(0)
	n.sample(t, h)
	n.requested++
	found, did := n.sample(t, h)
	require.Equal(t, nothing, did)
	require.Equal(t, rollout.Traffic{Open: 1, Opened: 1, Source: rollout.ServiceCount}, found)
}

// A file that cannot be right, or is there no more, is not believed: the service is
// asked.
func TestCountFilesThatAreNone(t *testing.T) {
	for name, file := range map[string]func() string{
		"absent":          nil,
		"of a run before": func() string { return "2\n" },
		"empty":           func() string { return "" },
		"not a number":    func() string { return "root:x:0:0\n" },
		"too large":       func() string { return "99999999999999999999999\n" },
	} {
		t.Run(name, func(t *testing.T) {
			n := &counting{file: file, requested: 3}
			h := n.host()
			for range 2 {
				n.passBy(1)
				n.sample(t, h)
				found, _ := n.sample(t, h)
				require.Equal(t, n.requested, found.Opened)
				require.Equal(t, rollout.ServiceCount, found.Source)
			}
		})
	}
	t.Run("taken away", func(t *testing.T) {
		n := &counting{requested: 3}
		n.file = n.requestedFile
		h := n.host()
		n.sample(t, h)
		n.file = nil
		n.passBy(1)
		found, did := n.sample(t, h)
		require.Equal(t, both, did)
		require.Equal(t, uint64(4), found.Opened)
		n.file = n.requestedFile
		n.passBy(1)
		_, did = n.sample(t, h)
		require.Equal(t, onlyAsk, did, "it does not come back")
	})
}

func TestFilesOfAContainerOnTheInstance(t *testing.T) {
	mounts := []container.MountPoint{
		{Source: "/srv/logs", Destination: "/tmp/logs"},
		{Source: "/srv/deep", Destination: "/tmp/logs/deep/"},
		{Source: "volume", Destination: "/data"},
		{Source: "/", Destination: "/host"},
	}
	for name, want := range map[string]string{
		"/tmp/logs/connections":        "/srv/logs/connections",
		"/tmp/logs/./a/../connections": "/srv/logs/connections",
		"/tmp/logs/deep/n":             "/srv/deep/n",
		"/tmp/logs/../../etc/shadow":   "",
		"/tmp/logs":                    "",
		"/tmp/logsmore/n":              "",
		"/data/n":                      "",
		"/host/n":                      "/n",
		"tmp/logs/n":                   "",
		"":                             "",
	} {
		require.Equal(t, want, onInstance(mounts, name), name)
	}
	require.Equal(t, "/srv/all/n", onInstance([]container.MountPoint{{Source: "/srv/all", Destination: "/"}}, "/n"))
}
