package image

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if state := os.Getenv(fakeVariable); state != "" {
		os.Exit(fakeDocker(state, os.Args[1:]))
	}
	os.Exit(m.Run())
}

func TestACommandThatIsNotThere(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := command{name: "docker", limit: time.Minute}.run(t.Context())
	require.ErrorIs(t, err, exec.ErrNotFound)
	require.ErrorContains(t, err, "the docker command is not in PATH: install it or add it")
}

func TestACommandIsInterruptedWithItsContext(t *testing.T) {
	state := useFakeDocker(t)
	state.set("hang", "push")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupt")
	ended := make(chan error, 1)
	go func() { ended <- docker{}.push(ctx, "a:b") }()
	require.Eventually(t, func() bool { return strings.Contains(state.get("calls"), "push") }, 10*time.Second, 5*time.Millisecond)
	cancel(why)
	require.ErrorIs(t, <-ended, why)
	assert.Equal(t, "yes", state.get("interrupted"), "it was killed instead of interrupted")
}

func TestACommandThatTakesTooLong(t *testing.T) {
	useFakeDocker(t).set("hang", "push")
	err := docker{}.command(50*time.Millisecond, "image", "push", "a:b").run(t.Context())
	require.EqualError(t, err, "docker: no end after 50ms")
}

func TestLastLine(t *testing.T) {
	for output, want := range map[string]string{
		"":                                  "",
		"\n \n":                             "",
		"first\nlast\n\n":                   "last",
		"50%\r100%\r":                       "100%",
		"\x1b[31mred\x1b[0m\x07":            "[31mred[0m",
		strings.Repeat("x\n", 9000) + "end": "end",
	} {
		var kept tail
		for _, b := range []byte(output) {
			_, err := kept.Write([]byte{b})
			require.NoError(t, err)
		}
		assert.Equal(t, want, kept.lastLine())
		assert.LessOrEqual(t, len(kept.kept), tailLength)
	}
}
