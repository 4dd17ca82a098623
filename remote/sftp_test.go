package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/remote/internal/sshtest"
)

func dialHere(t *testing.T) *Client {
	t.Helper()
	path, key, _ := sshtest.KeyFile(t, "")
	server := sshtest.Start(t, sshtest.Options{Authorized: key})
	client, err := Dial(t.Context(), Config{Address: server.Addr, KeyFile: path, KnownHosts: []string{server.KnownHosts()}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// opened is the session that the client has now.
func opened(c *Client) *session {
	s := <-c.files.slot
	c.files.slot <- s
	return s
}

// A session that nobody uses is closed; one in use is not, and the next use opens
// another.
func TestIdleSFTPSessionIsClosed(t *testing.T) {
	client := dialHere(t)
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte("x"), 0o600))
	for range 2 {
		_, err := client.ReadFile(t.Context(), name)
		require.NoError(t, err)
		require.True(t, client.files.idle.Stop(), "its clock does not run")
		s := <-client.files.slot
		require.NotNil(t, s)

		client.files.rest()
		_, err = s.stat("/")
		require.NoError(t, err, "in use")

		client.files.giveBack(s)
		client.files.idle.Reset(0)
		require.Eventually(t, func() bool { return opened(client) == nil }, 10*time.Second, time.Millisecond)
		require.Eventually(t, func() bool { _, err := s.stat("/"); return err != nil }, 10*time.Second, time.Millisecond)
	}
}

// What is reread stays open and is read anew; a file that took its name is seen by
// ReadFile alone, and by every look after it.
func TestReread(t *testing.T) {
	client, folder := dialHere(t), t.TempDir()
	file := func(i int) string { return filepath.Join(folder, fmt.Sprint(i)) }
	put := func(name, text string) {
		fresh := name + ".new"
		require.NoError(t, os.WriteFile(fresh, []byte(text), 0o600))
		require.NoError(t, os.Rename(fresh, name))
	}
	reread := func(name, want string) {
		t.Helper()
		data, err := client.Reread(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, want, string(data))
	}
	put(file(0), "one")
	reread(file(0), "one")
	require.NoError(t, os.WriteFile(file(0), []byte("two, longer"), 0o600))
	reread(file(0), "two, longer")
	put(file(0), "another")
	reread(file(0), "two, longer")
	data, err := client.ReadFile(t.Context(), file(0))
	require.NoError(t, err)
	require.Equal(t, "another", string(data))
	reread(file(0), "another")

	for i := range 2 * mostKept {
		put(file(i), "x")
		_, err := client.Reread(t.Context(), file(i))
		require.NoError(t, err)
		require.LessOrEqual(t, len(opened(client).kept), mostKept)
	}
	_, err = client.Reread(t.Context(), file(99))
	require.ErrorIs(t, err, fs.ErrNotExist)
	reread(file(0), "x")
}

// The kernel's table is another at each look.
func TestRereadOfProc(t *testing.T) {
	const name = "/proc/self/net/tcp"
	if _, err := os.Stat(name); err != nil {
		t.Skip("there is no " + name)
	}
	client := dialHere(t)
	var all []net.Listener
	defer func() {
		for _, l := range all {
			_ = l.Close()
		}
	}()
	for range 100 { // more rows than a page has
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		all = append(all, listener)
		data, err := client.Reread(t.Context(), name)
		require.NoError(t, err)
		for _, l := range all {
			require.Contains(t, string(data), fmt.Sprintf(" 0100007F:%04X 00000000:0000 0A", l.Addr().(*net.TCPAddr).Port))
		}
	}
	require.Len(t, opened(client).kept, 1)
}

// kernel hands a table out as Linux's seq_file does: whole rows, as many as fit
// into its buffer, and what is left of them where fewer bytes were asked for.
type kernel struct {
	rows   []string
	buffer int
	next   int    // row
	left   []byte // of the rows written last
}

func (k *kernel) read(most int) []byte {
	out := k.take(nil, most)
	if len(out) == most {
		return out
	}
	for room := k.buffer; k.next < len(k.rows) && len(k.rows[k.next]) < room && len(k.left) < most-len(out); k.next++ {
		k.left = append(k.left, k.rows[k.next]...)
		room -= len(k.rows[k.next])
	}
	return k.take(out, most)
}

func (k *kernel) take(out []byte, most int) []byte {
	n := min(len(k.left), most-len(out))
	out = append(out, k.left[:n]...)
	k.left = append([]byte(nil), k.left[n:]...)
	return out
}

// No size of page or table, and no widths of rows, make a read end early.
func TestTableIsReadToItsEnd(t *testing.T) {
	for seed := range uint64(20_000) {
		dice := rand.New(rand.NewPCG(seed, 0))
		k := &kernel{buffer: []int{4 << 10, 16 << 10, 64 << 10}[dice.IntN(3)]}
		width := 100 + dice.IntN(150)
		for range dice.IntN(700) {
			k.rows = append(k.rows, strings.Repeat("x", width+dice.IntN(100)))
		}
		want, got := len(strings.Join(k.rows, "")), 0
		for {
			data := k.read(chunk)
			got += len(data)
			if len(data) == 0 || ends(len(data)) {
				break
			}
		}
		require.Equal(t, want, got, "seed %d", seed)
	}
}

// script is a channel to a server that says what was written beforehand.
type script struct {
	io.Reader
	said bytes.Buffer
}

func (s *script) Write(p []byte) (int, error) { return s.said.Write(p) }
func (s *script) Close() error                { return nil }

func packets(messages ...any) []byte {
	var all []byte
	for _, m := range messages {
		body := ssh.Marshal(m)
		all = append(all, byte(len(body)>>24), byte(len(body)>>16), byte(len(body)>>8), byte(len(body)))
		all = append(all, body...)
	}
	return all
}

// Whatever a server says, a look at it ends, with an error of one line where it
// made no sense.
func FuzzSession(f *testing.F) {
	hello := &versionMessage{sftpVersion, []byte("\x00\x00\x00\x13statvfs@openssh.com\x00\x00\x00\x012")}
	f.Add(packets(hello, &handleMessage{1, "h"}, &dataMessage{ID: 2, Data: []byte("text")}, &statusMessage{ID: 3}, &vfsMessage{ID: 4}))
	f.Add(packets(hello, &statusMessage{1, 2, []byte("\x00\x00\x00\x02no\x00\x00\x00\x00")}, &vfsMessage{ID: 2}, &attributesMessage{3, []byte("\x00\x00\x00\x0f")}))
	f.Add(packets(hello, &statusMessage{1, 99, nil}, &statusMessage{2, 3, nil}, &attributesMessage{3, bytes.Repeat([]byte{0, 0, 0, 4}, 9)}))
	f.Add([]byte("This account is currently not available.\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		s := &session{channel: &script{Reader: bytes.NewReader(said)}}
		errs := []error{s.greet()}
		if errs[0] == nil {
			_, err := s.reread("/a")
			errs = append(errs, err)
			_, err = s.freeDisk("/")
			errs = append(errs, err)
			info, err := s.stat("/b")
			errs = append(errs, err)
			if err == nil {
				require.Equal(t, "b", info.Name())
			}
		}
		for _, err := range errs {
			if err != nil {
				require.NotContains(t, err.Error(), "\n")
			}
		}
		require.True(t, s.broken == nil || errors.Is(errors.Join(errs...), s.broken))
	})
}
