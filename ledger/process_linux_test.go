package ledger

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// ofThisMachine returns the holder of a process of this machine that has ended.
func ofThisMachine(t *testing.T) Holder {
	t.Helper()
	h := Here("run-1", rollout.Release{})
	require.NotEmpty(t, h.Boot)
	require.NotEmpty(t, h.Namespace)
	require.NotZero(t, h.Started)
	child := exec.CommandContext(t.Context(), "true")
	require.NoError(t, child.Run())
	h.Process = child.Process.Pid
	return h
}

func TestAProcessThatEndedIsRecognized(t *testing.T) {
	ended := ofThisMachine(t)
	assert.True(t, ended.ended())

	living := Here("run-1", rollout.Release{})
	assert.False(t, living.ended())
	other := living
	other.Started--
	assert.True(t, other.ended(), "its process ID was given to another process")

	for name, change := range map[string]func(*Holder){
		"before a reboot, or on another machine": func(h *Holder) { h.Boot = "another" },
		"in another container":                   func(h *Holder) { h.Namespace = "pid:[1]" },
		"by a program that does not record it":   func(h *Holder) { h.Boot, h.Namespace, h.Started = "", "", 0 },
		"a process that is not named":            func(h *Holder) { h.Process = 0 },
	} {
		h := ended
		change(&h)
		assert.False(t, h.ended(), "%s: it cannot be determined", name)
	}
}

// A zombie has ended, although it has its process ID until its parent waits for it.
func TestAZombieHasEnded(t *testing.T) {
	h := Here("run-1", rollout.Release{})
	child := exec.CommandContext(t.Context(), "cat")
	in, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	h.Process, h.Started = child.Process.Pid, 0
	h.identify()
	assert.False(t, h.ended())
	require.NoError(t, in.Close())
	require.Eventually(t, h.ended, time.Minute, time.Millisecond)
	require.NoError(t, child.Wait())
	assert.True(t, h.ended())
}

func FuzzParseStat(f *testing.F) {
	own, err := os.ReadFile("/proc/self/stat")
	require.NoError(f, err)
	f.Add(own)
	f.Add([]byte("41 (a) b) c) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 77 20"))
	f.Add([]byte("41 (cut off"))
	f.Add([]byte(") S"))
	f.Fuzz(func(t *testing.T, data []byte) {
		state, _, err := parseStat(data)
		if err == nil {
			assert.NotZero(t, state)
		}
	})
}
