package hollow

import (
	"bufio"
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
	"time"

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

// client is one connection. A client of net/http's may open another whenever it likes.
type client struct {
	t    *testing.T
	conn net.Conn
	read *bufio.Reader
}

func dial(t *testing.T, url string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return &client{t: t, conn: conn, read: bufio.NewReader(conn)}
}

func (c *client) get(path string) (body string, closes bool) {
	c.t.Helper()
	_, err := io.WriteString(c.conn, "GET "+path+" HTTP/1.1\r\nHost: test\r\n\r\n")
	require.NoError(c.t, err)
	answer, err := http.ReadResponse(c.read, nil)
	require.NoError(c.t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(c.t, err)
	return strings.TrimSpace(string(text)), answer.Close
}

func TestItAnswersAsTheServiceDoes(t *testing.T) {
	p, url := begin(t, &Machine{})
	assert.Equal(t, "00000000000000000000\n", kept(t, p))
	c := dial(t, url)
	for range 3 {
		_, closes := c.get("/") // one connection, counted once
		assert.False(t, closes)
	}
	_, _ = c.get("/healthz")
	said, _ := c.get("/version")
	assert.JSONEq(t, `{"service":"hollow","commit":"abc","connections":1}`, said)
	assert.Equal(t, "00000000000000000001\n", kept(t, p))
	require.NoError(t, p.Signal(syscall.SIGUSR1))
	_, closes := c.get("/")
	assert.True(t, closes, "it drains")
	require.NoError(t, p.Signal(syscall.SIGUSR2))
	_, closes = dial(t, url).get("/")
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
