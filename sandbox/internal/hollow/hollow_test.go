package hollow

import (
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/porttest"
)

// begin starts a program on a port of its own.
func begin(t *testing.T, m *Machine) (*Program, string) {
	t.Helper()
	port := strconv.Itoa(porttest.Free(t))
	p, err := m.Start(&exec.Cmd{Env: []string{"LISTEN_HOST=127.0.0.1", "PORT=" + port, "GIT_COMMIT=abc", "LOG_DIR=" + t.TempDir()}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Kill(); <-p.Done() })
	return p, "http://127.0.0.1:" + port
}

func kept(t *testing.T, p *Program) string {
	t.Helper()
	text, err := os.ReadFile(p.file)
	require.NoError(t, err)
	return string(text)
}

func get(t *testing.T, url string) (body string, closes bool) {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return strings.TrimSpace(string(text)), answer.Close
}

func TestItAnswersAsTheServiceDoes(t *testing.T) {
	p, url := begin(t, &Machine{})
	assert.Equal(t, "00000000000000000000\n", kept(t, p))
	for range 3 {
		_, closes := get(t, url+"/") // one connection, counted once
		assert.False(t, closes)
	}
	_, _ = get(t, url+"/healthz")
	said, _ := get(t, url+"/version")
	assert.JSONEq(t, `{"service":"hollow","commit":"abc","connections":1}`, said)
	assert.Equal(t, "00000000000000000001\n", kept(t, p))
	require.NoError(t, p.Signal(syscall.SIGUSR1))
	_, closes := get(t, url+"/")
	assert.True(t, closes, "it drains")
	require.NoError(t, p.Signal(syscall.SIGUSR2))
	_, closes = get(t, url+"/")
	assert.False(t, closes, "it is back")
}

func TestItEndsAsItIsTold(t *testing.T) {
	var m Machine
	for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 0, syscall.SIGINT: 0, syscall.SIGKILL: 137} {
		p, url := begin(t, &m)
		require.NoError(t, p.Signal(signal))
		<-p.Done()
		assert.Equal(t, code, p.ExitCode(), "%s", signal)
		_, err := http.Get(url)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NoError(t, p.Signal(signal), "it has ended")
		assert.Greater(t, p.PID(), firstPID)
	}
}

func TestALogFolderThatIsNoneFailsTheStart(t *testing.T) {
	_, err := new(Machine).Start(&exec.Cmd{Env: []string{"LISTEN_HOST=127.0.0.1", "PORT=0", "LOG_DIR=/nonesuch"}})
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAPortThatIsTakenFailsTheStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_, err = new(Machine).Start(&exec.Cmd{Env: []string{"LISTEN_HOST=127.0.0.1", "PORT=" + port}})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
}
