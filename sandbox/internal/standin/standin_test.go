package standin

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/porttest"
)

// counting is a service that has all that a stand-in can have.
func counting() Config {
	return Config{
		Name: "orders-api", HealthPath: "/ready", VersionPath: "/about", CountField: "clients",
		DrainSignal: syscall.SIGHUP, UndrainSignal: syscall.SIGUSR2,
	}
}

// environment are the variables of a container that runs the stand-in.
func environment(t *testing.T, c Config) map[string]string {
	t.Helper()
	text, err := c.Encode()
	require.NoError(t, err)
	return map[string]string{
		"LISTEN_HOST": "127.0.0.1", "PORT": strconv.Itoa(porttest.Free(t)), "GIT_COMMIT": "abc",
		Variable: text, CountFileVariable: filepath.Join(t.TempDir(), "count"),
	}
}

func of(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

// begin starts a stand-in on a port of its own.
func begin(t *testing.T, c Config) (s *Server, address, countFile string) {
	t.Helper()
	env := environment(t, c)
	s, err := Start(of(env))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Kill(); <-s.Done() })
	return s, "127.0.0.1:" + env["PORT"], env[CountFileVariable]
}

func kept(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// client is one connection. A client of net/http's may open another whenever it likes.
type client struct {
	t    *testing.T
	conn net.Conn
	read *bufio.Reader
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return &client{t: t, conn: conn, read: bufio.NewReader(conn)}
}

func (c *client) get(path string) (status int, body string, closes bool) {
	c.t.Helper()
	_, err := io.WriteString(c.conn, "GET "+path+" HTTP/1.1\r\nHost: test\r\n\r\n")
	require.NoError(c.t, err)
	answer, err := http.ReadResponse(c.read, nil)
	require.NoError(c.t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(c.t, err)
	return answer.StatusCode, strings.TrimSpace(string(text)), answer.Close
}

func TestAStandInAnswersTheServicesPaths(t *testing.T) {
	s, address, file := begin(t, counting())
	assert.Equal(t, "00000000000000000000\n", kept(t, file))
	c := dial(t, address)
	for range 3 {
		status, said, closes := c.get("/orders?of=today") // one connection, counted once
		assert.Equal(t, http.StatusOK, status)
		assert.JSONEq(t, `{"service":"orders-api","commit":"abc"}`, said)
		assert.False(t, closes)
	}
	status, said, _ := dial(t, address).get("/ready")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "ok", said)
	_, said, _ = dial(t, address).get("/about")
	assert.JSONEq(t, `{"service":"orders-api","commit":"abc","clients":1}`, said)
	assert.Equal(t, "00000000000000000001\n", kept(t, file))

	require.NoError(t, s.Signal(syscall.SIGHUP))
	_, _, closes := c.get("/")
	assert.True(t, closes, "it drains")
	require.NoError(t, s.Signal(syscall.SIGUSR2))
	_, _, closes = dial(t, address).get("/")
	assert.False(t, closes, "it is back")
}

func TestAServiceWithoutAVersionPathSaysOnlyWhoItIs(t *testing.T) {
	_, address, _ := begin(t, Config{Name: "orders-api", HealthPath: "/ready"})
	_, said, _ := dial(t, address).get("/version")
	assert.JSONEq(t, `{"service":"orders-api","commit":"abc"}`, said)
	_, said, _ = dial(t, address).get("/")
	assert.JSONEq(t, `{"service":"orders-api","commit":"abc"}`, said)
}

func TestAStandInEndsBySignal(t *testing.T) {
	for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 0, syscall.SIGINT: 0, syscall.SIGUSR1: 0, syscall.SIGKILL: 137} {
		s, address, _ := begin(t, counting())
		require.NoError(t, s.Signal(syscall.SIGWINCH), "it would end no program")
		c := dial(t, address)
		_, _, _ = c.get("/")
		require.NoError(t, c.conn.Close())
		require.NoError(t, s.Signal(signal))
		<-s.Done()
		assert.Equal(t, code, s.ExitCode(), "%s", signal)
		_, err := net.Dial("tcp", address)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NoError(t, s.Kill(), "it has ended")
		assert.Equal(t, code, s.ExitCode())
	}
}

// TestAStopLosesNoRequest: a client that keeps its connection learns by an answer that it ends, so it never sends a
// request on a connection that is closed.
func TestAStopLosesNoRequest(t *testing.T) {
	s, address, _ := begin(t, Config{Name: "orders-api", HealthPath: "/ready"})
	s.linger = time.Hour
	kept := dial(t, address)
	_, _, closes := kept.get("/")
	assert.False(t, closes)
	require.NoError(t, s.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	}, time.Minute, time.Millisecond)
	status, _, closes := kept.get("/")
	assert.Equal(t, http.StatusOK, status)
	assert.True(t, closes)
	<-s.Done()
	assert.Zero(t, s.ExitCode())
}

// TestAStopDoesNotWaitForSilentClients: one that sends nothing keeps the stand-in no longer than the linger.
func TestAStopDoesNotWaitForSilentClients(t *testing.T) {
	s, address, _ := begin(t, counting())
	s.grace = time.Hour
	_, _, _ = dial(t, address).get("/")
	require.NoError(t, s.Signal(syscall.SIGTERM))
	<-s.Done()
}

func TestACountFileThatIsNoneFailsTheStart(t *testing.T) {
	env := environment(t, counting())
	env[CountFileVariable] = "/nonesuch/count"
	_, err := Start(of(env))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestCheckRequestsTheHealthPath(t *testing.T) {
	env := environment(t, counting())
	require.ErrorIs(t, Run([]string{"check"}, of(env), io.Discard), syscall.ECONNREFUSED)
	s, err := Start(of(env))
	require.NoError(t, err)
	require.NoError(t, Run([]string{"check"}, of(env), io.Discard))
	require.NoError(t, s.Kill())
	<-s.Done()

	sick := counting()
	sick.Fault = Unhealthy
	env = environment(t, sick)
	s, err = Start(of(env))
	require.NoError(t, err)
	require.ErrorContains(t, Run([]string{"check"}, of(env), io.Discard), "/ready answers 500")
	require.NoError(t, s.Kill())
	<-s.Done()
}

func TestFaultsNameTheService(t *testing.T) {
	for fault, want := range map[Fault]string{Exit: "orders-api: fatal: migration 42 is missing", Leak: "orders-api: fatal: ", "odd": `unknown fault "odd"`} {
		c := counting()
		c.Fault = fault
		require.ErrorContains(t, Run(nil, of(environment(t, c)), io.Discard), want)
	}
	require.ErrorContains(t, Run(nil, func(string) string { return "" }, io.Discard), "read STAND_IN: ")
}
