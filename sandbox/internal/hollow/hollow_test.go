package hollow

import (
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/porttest"
	"github.com/growl-dev/deploy/sandbox/internal/standin"
)

// command is a container's, with a port of its own.
func command(t *testing.T, port int) *exec.Cmd {
	t.Helper()
	config, err := standin.Config{Name: "app", HealthPath: "/healthz"}.Encode()
	require.NoError(t, err)
	return &exec.Cmd{Env: []string{"LISTEN_HOST=127.0.0.1", "PORT=" + strconv.Itoa(port), standin.Variable + "=" + config}}
}

func TestAProgramRunsInThisProcess(t *testing.T) {
	var m Machine
	pids := map[int]bool{}
	for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 0, syscall.SIGINT: 0, syscall.SIGKILL: 137} {
		port := porttest.Free(t)
		p, err := m.Start(command(t, port))
		require.NoError(t, err)
		url := "http://127.0.0.1:" + strconv.Itoa(port) + "/healthz"
		answer, err := http.Get(url)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, http.StatusOK, answer.StatusCode)
		require.NoError(t, p.Signal(signal))
		<-p.Done()
		assert.Equal(t, code, p.ExitCode(), "%s", signal)
		_, err = http.Get(url)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NoError(t, p.Signal(signal), "it has ended")
		assert.Greater(t, p.PID(), firstPID)
		pids[p.PID()] = true
	}
	assert.Len(t, pids, 3, "two programs of a machine have one process ID")
}

func TestAPortThatIsTakenFailsTheStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = new(Machine).Start(command(t, l.Addr().(*net.TCPAddr).Port))
	require.ErrorIs(t, err, syscall.EADDRINUSE)
}
