package remote_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
	"github.com/stretchr/testify/require"
)

// echo answers every line with itself.
func echo(t *testing.T, network, address string) string {
	t.Helper()
	listener, err := net.Listen(network, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); _ = conn.Close() }()
		}
	}()
	return listener.Addr().String()
}

func socketPath(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "sock")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return filepath.Join(folder, "s")
}

func TestStreams(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	client := dial(t, c)
	tcp, err := client.DialTCP(t.Context(), echo(t, "tcp", "127.0.0.1:0"))
	require.NoError(t, err)
	unix, err := client.DialUnix(t.Context(), echo(t, "unix", socketPath(t)))
	require.NoError(t, err)
	for _, conn := range []net.Conn{tcp, unix} {
		_, err = io.WriteString(conn, "hello\n")
		require.NoError(t, err)
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "hello\n", line)

		require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, conn.SetWriteDeadline(time.Now().Add(-time.Second)))
		_, err = conn.Write([]byte("late\n"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, conn.SetDeadline(time.Time{}))
		_, err = io.WriteString(conn, "again\n")
		require.NoError(t, err)
		line, err = bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "again\n", line)

		require.NoError(t, conn.Close())
		require.NoError(t, conn.Close())
		_, err = conn.Write([]byte("x"))
		require.ErrorIs(t, err, io.ErrClosedPipe)
		_, err = conn.Read(make([]byte, 1))
		require.Error(t, err)
	}
	_, err = client.DialUnix(t.Context(), socketPath(t))
	require.ErrorContains(t, err, "i-0abc")
	require.NotErrorIs(t, err, remote.ErrLost, "a refused stream is not a lost connection")
}

// An exchange ends with what its talk says, or with its context, whatever talk
// waits for; its stream is closed either way.
func TestExchange(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	client := dial(t, c)
	address := echo(t, "tcp", "127.0.0.1:0")
	var line string
	err := client.Exchange(t.Context(), address, func(s io.ReadWriter) (err error) {
		if _, err = io.WriteString(s, "hello\n"); err == nil {
			line, err = bufio.NewReader(s).ReadString('\n')
		}
		return err
	})
	require.NoError(t, err)
	require.Equal(t, "hello\n", line)

	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = client.Exchange(ctx, address, func(s io.ReadWriter) error {
		cancel()
		_, err := s.Read(make([]byte, 1))
		ended <- err
		return err
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Error(t, <-ended)

	err = client.Exchange(t.Context(), "127.0.0.1:1", func(io.ReadWriter) error { return nil })
	require.ErrorContains(t, err, "i-0abc")
	require.NotErrorIs(t, err, remote.ErrLost, "a refused stream is not a lost connection")
	for _, bad := range []string{"", "nowhere", "127.0.0.1:http", "127.0.0.1:99999"} {
		require.Error(t, client.Exchange(t.Context(), bad, func(io.ReadWriter) error { return nil }), bad)
	}
}

func TestFiles(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	client := dial(t, c)
	folder := t.TempDir()
	name := filepath.Join(folder, "env")
	require.NoError(t, os.WriteFile(name, []byte("old"), 0o644))

	require.NoError(t, client.WriteFile(t.Context(), name, []byte("new"), 0o600))
	data, err := client.ReadFile(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, "new", string(data))
	info, err := client.Stat(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing is left beside the file")

	free, err := client.FreeDisk(t.Context(), folder)
	require.NoError(t, err)
	require.Positive(t, free)

	_, err = client.ReadFile(t.Context(), filepath.Join(folder, "missing"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, client.WriteFile(t.Context(), filepath.Join(folder, "no", "file"), nil, 0o600), fs.ErrNotExist)
}

// A write that fails leaves the old file and nothing else.
func TestWriteFileFails(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	client := dial(t, c)
	folder := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "taken", "inside"), 0o755))
	require.Error(t, client.WriteFile(t.Context(), filepath.Join(folder, "taken"), []byte("x"), 0o600))
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestReadFileIsBounded(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	client := dial(t, c)
	name := filepath.Join(t.TempDir(), "big")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	require.NoError(t, os.Truncate(name, remote.MaxSize+1))
	_, err := client.ReadFile(t.Context(), name)
	require.ErrorIs(t, err, remote.ErrTooLarge)
}

func TestSFTPSessionIsReopened(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	client := dial(t, c)
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte("x"), 0o600))
	for range 3 {
		data, err := client.ReadFile(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, "x", string(data))
		server.EndSessions()
	}
}

func TestRun(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	client := dial(t, c)
	_, err := client.Run(t.Context(), "echo one >&2; echo two >&2; exit 3")
	exit, ok := errors.AsType[*remote.ExitError](err)
	require.True(t, ok, err)
	require.Equal(t, remote.ExitError{Status: 3, Stderr: "two"}, *exit)
	require.ErrorContains(t, err, "exit status 3: two")

	_, err = client.Run(short(t, 50*time.Millisecond), "sleep 5")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, remote.ErrLost)
}

// A server that takes an SFTP session and never answers holds nobody, and the
// connection is as good as before.
func TestMuteSFTP(t *testing.T) {
	_, c := start(t, sshtest.Options{MuteSFTP: true})
	client := dial(t, c)
	_, err := client.ReadFile(short(t, 50*time.Millisecond), "/etc/hostname")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = client.Run(t.Context(), "true")
	require.NoError(t, err)
}

func TestServerGoneMidCall(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	client := dial(t, c)
	stream, err := client.DialTCP(t.Context(), echo(t, "tcp", "127.0.0.1:0"))
	require.NoError(t, err)
	ready := filepath.Join(t.TempDir(), "ready")
	failed := make(chan error, 1)
	go func() {
		_, err := client.Run(context.Background(), "touch "+ready+"; exec sleep 60")
		failed <- err
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(ready); return err == nil }, 20*time.Second, 5*time.Millisecond)
	server.Cut()

	require.ErrorIs(t, <-failed, remote.ErrLost)
	_, err = stream.Read(make([]byte, 1))
	require.Error(t, err)
	require.ErrorIs(t, client.Wait(), remote.ErrLost)
	for name, call := range calls(client) {
		require.ErrorIs(t, call(t.Context()), remote.ErrLost, name)
	}
}

// calls are all that can be asked of an instance.
func calls(client *remote.Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"DialTCP":  func(ctx context.Context) error { _, err := client.DialTCP(ctx, "127.0.0.1:1"); return err },
		"DialUnix": func(ctx context.Context) error { _, err := client.DialUnix(ctx, "/x"); return err },
		"Exchange": func(ctx context.Context) error {
			return client.Exchange(ctx, "127.0.0.1:1", func(io.ReadWriter) error { return nil })
		},
		"ReadFile":  func(ctx context.Context) error { _, err := client.ReadFile(ctx, "/x"); return err },
		"WriteFile": func(ctx context.Context) error { return client.WriteFile(ctx, "/x", nil, 0o600) },
		"Stat":      func(ctx context.Context) error { _, err := client.Stat(ctx, "/x"); return err },
		"FreeDisk":  func(ctx context.Context) error { _, err := client.FreeDisk(ctx, "/x"); return err },
		"Run":       func(ctx context.Context) error { _, err := client.Run(ctx, "true"); return err },
	}
}

// A peer that is there for TCP and answers nothing: every call ends with its
// context, with and without an SFTP session opened before.
func TestFrozenPeer(t *testing.T) {
	for _, used := range []bool{false, true} {
		server, c := start(t, sshtest.Options{})
		relay := sshtest.StartRelay(t, server.Addr)
		c.KnownHosts = []string{sshtest.Lines(t, lineFor(relay.Addr, server))}
		c.Address = relay.Addr
		client := dial(t, c)
		if used {
			_, err := client.Stat(t.Context(), "/")
			require.NoError(t, err)
		}
		relay.Freeze()
		for name, call := range calls(client) {
			require.ErrorIs(t, call(short(t, 30*time.Millisecond)), context.DeadlineExceeded, name)
		}
		require.NoError(t, client.Close())
	}
}

// Three unanswered keep-alives end the connection and every stream in it.
func TestKeepAlive(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	relay := sshtest.StartRelay(t, server.Addr)
	c.KnownHosts = []string{sshtest.Lines(t, lineFor(relay.Addr, server))}
	c.Address, c.KeepAlive = relay.Addr, time.Second
	client := dial(t, c)
	stream, err := client.DialTCP(t.Context(), echo(t, "tcp", "127.0.0.1:0"))
	require.NoError(t, err)

	// While answers come, the connection outlives more intervals than may be missed.
	select {
	case <-client.Done():
		t.Fatal(client.Wait())
	case <-time.After(6 * c.KeepAlive):
	}
	relay.Freeze()
	_, err = stream.Read(make([]byte, 1))
	require.Error(t, err)
	require.ErrorIs(t, client.Wait(), remote.ErrLost)
	require.ErrorContains(t, client.Wait(), "keep-alives")
}

func TestClose(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	client := dial(t, c)
	require.NoError(t, client.Close())
	require.NoError(t, client.Close())
	require.ErrorIs(t, client.Wait(), net.ErrClosed)
	for name, call := range calls(client) {
		require.ErrorIs(t, call(t.Context()), net.ErrClosed, name)
	}
}
