package remote

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
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
		// Who looks into the slot may be taken for one who uses the session.
		require.Eventually(t, func() bool { _, err := s.stat("/"); return err != nil }, 30*time.Second, time.Millisecond)
		require.Nil(t, opened(client))
	}
}

// A connection that has ended leaves nothing running.
func TestNothingIsLeftOfAClient(t *testing.T) {
	path, key, _ := sshtest.KeyFile(t, "")
	server := sshtest.Start(t, sshtest.Options{Authorized: key})
	before := runtime.NumGoroutine()
	for range 10 {
		client, err := Dial(t.Context(), Config{Address: server.Addr, KeyFile: path, KnownHosts: []string{server.KnownHosts()}})
		require.NoError(t, err)
		_, err = client.Stat(t.Context(), "/")
		require.NoError(t, err)
		stream, err := client.DialTCP(t.Context(), server.Addr)
		require.NoError(t, err)
		_, err = stream.Read(make([]byte, 1))
		require.NoError(t, err)
		require.NoError(t, client.Close())
		require.NoError(t, stream.Close())
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, 10*time.Second, time.Millisecond)
}

func rereadOne(t *testing.T, c *Client, name string) []byte {
	t.Helper()
	contents, err := c.Reread(t.Context(), name)
	require.NoError(t, err)
	require.Len(t, contents, 1)
	return contents[0]
}

// What is reread stays open and is read anew. That it is gone is seen at once; a file
// that took its name is seen by ReadFile alone, and by every look after it.
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
		require.Equal(t, want, string(rereadOne(t, client, name)))
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
	require.NoError(t, os.Remove(file(0)))
	require.Nil(t, rereadOne(t, client, file(0)))
	require.Empty(t, opened(client).kept)
	put(file(0), "a last one")
	reread(file(0), "a last one")

	for i := range 2 * mostKept {
		put(file(i), "x")
		require.NotNil(t, rereadOne(t, client, file(i)))
		require.LessOrEqual(t, len(opened(client).kept), mostKept)
	}
	require.Nil(t, rereadOne(t, client, file(99)))
	reread(file(0), "x")
}

// trips counts what is sent.
type trips struct {
	io.ReadWriteCloser
	sent int
}

func (t *trips) Write(p []byte) (int, error) {
	t.sent++
	return t.ReadWriteCloser.Write(p)
}

// Files that are reread together take one trip, and one that is not there, or is gone,
// takes nothing from the others.
func TestRereadOfSeveral(t *testing.T) {
	client, folder := dialHere(t), t.TempDir()
	var names []string
	for _, name := range []string{"a", "empty", "none", "long"} {
		names = append(names, filepath.Join(folder, name))
	}
	long := strings.Repeat("0123456789", 10_000)
	for i, text := range []string{"text", "", "", long} {
		if filepath.Base(names[i]) != "none" {
			require.NoError(t, os.WriteFile(names[i], []byte(text), 0o600))
		}
	}
	look := func() [][]byte {
		t.Helper()
		contents, err := client.Reread(t.Context(), names...)
		require.NoError(t, err)
		return contents
	}
	want := [][]byte{[]byte("text"), {}, nil, []byte(long)}
	require.Equal(t, want, look())
	require.Equal(t, want, look())
	require.NoError(t, os.Remove(names[0]))
	require.Equal(t, [][]byte{nil, {}, nil, []byte(long)}, look())
	require.NoError(t, os.WriteFile(names[0], []byte("anew"), 0o600))
	require.NoError(t, os.WriteFile(names[2], []byte("there"), 0o600))
	require.Equal(t, [][]byte{[]byte("anew"), {}, []byte("there"), []byte(long)}, look())

	names[3] = folder
	contents, err := client.Reread(t.Context(), names...)
	require.ErrorContains(t, err, folder+": SFTP status")
	require.NotContains(t, err.Error(), "\n")
	require.Equal(t, [][]byte{[]byte("anew"), {}, []byte("there"), nil}, contents)

	names = names[:3]
	counted := &trips{ReadWriteCloser: opened(client).channel}
	opened(client).channel = counted
	require.Equal(t, [][]byte{[]byte("anew"), {}, []byte("there")}, look())
	require.Equal(t, 1, counted.sent)
	require.NoError(t, os.Truncate(names[0], MaxSize+1))
	contents, err = client.Reread(t.Context(), names...)
	require.ErrorIs(t, err, ErrTooLarge)
	require.Equal(t, [][]byte{nil, {}, []byte("there")}, contents)
	require.Nil(t, opened(client).find(names[0]), "it is not kept")
}

// The network of a process that has ended stands still for ever where a file of it is
// open.
func TestRereadOfADeadProcess(t *testing.T) {
	client := dialHere(t)
	process := exec.CommandContext(t.Context(), "cat")
	in, err := process.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	name := fmt.Sprintf("/proc/%d/net/snmp", process.Process.Pid)
	if _, err := os.Stat(name); err != nil {
		t.Skip("there is no " + name)
	}
	for range 2 {
		require.Contains(t, string(rereadOne(t, client, name)), "PassiveOpens")
	}
	require.NoError(t, in.Close())
	require.NoError(t, process.Wait())
	require.Nil(t, rereadOne(t, client, name))
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
	misses := func(data []byte) bool {
		return slices.ContainsFunc(all, func(l net.Listener) bool {
			return !bytes.Contains(data, fmt.Appendf(nil, " 0100007F:%04X 00000000:0000 0A", l.Addr().(*net.TCPAddr).Port))
		})
	}
	for range 100 { // more rows than a page has
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		all = append(all, listener)
		looks := 1
		for ; misses(rereadOne(t, client, name)); looks++ { // other programs' rows shift ours between two pages
			require.Less(t, looks, 5)
		}
	}
	require.Len(t, opened(client).kept, 1)
}

// kernel hands a table out as Linux's seq_file does: whole rows, as many as fit
// into its buffer, and what is left of them where fewer bytes were asked for. It is
// a channel to an SFTP server that has no other file.
type kernel struct {
	rows   []string
	buffer int
	next   int    // row
	left   []byte // of the rows written last
	pos    int    // in the file

	answers    bytes.Buffer
	backwards  bool // the last request is answered first
	trips      int  // writes of requests
	rewritings int  // of all rows, to look for where a request begins
}

func (k *kernel) read(from, most int) []byte {
	if from == 0 {
		k.next, k.left, k.pos = 0, nil, 0
	}
	if from != k.pos {
		k.rewritings++
		k.next, k.left, k.pos = len(k.rows), nil, from // requests beyond the end alone
		return nil
	}
	out := k.take(nil, most)
	if len(out) < most {
		for room := k.buffer; k.next < len(k.rows) && len(k.rows[k.next]) < room && len(k.left) < most-len(out); k.next++ {
			k.left = append(k.left, k.rows[k.next]...)
			room -= len(k.rows[k.next])
		}
		out = k.take(out, most)
	}
	k.pos += len(out)
	return out
}

func (k *kernel) take(out []byte, most int) []byte {
	n := min(len(k.left), most-len(out))
	out = append(out, k.left[:n]...)
	k.left = append([]byte(nil), k.left[n:]...)
	return out
}

func (k *kernel) Write(p []byte) (int, error) {
	k.trips++
	var answers [][]byte
	for rest := p; len(rest) > 0; {
		n := int(binary.BigEndian.Uint32(rest))
		var request readMessage
		if err := ssh.Unmarshal(rest[4:4+n], &request); err != nil {
			return 0, err
		}
		rest = rest[4+n:]
		if data := k.read(int(request.Offset), int(request.Length)); len(data) > 0 {
			answers = append(answers, packets(&dataMessage{ID: request.ID, Data: data}))
		} else {
			answers = append(answers, packets(&statusMessage{ID: request.ID, Code: 1}))
		}
	}
	if k.backwards {
		slices.Reverse(answers)
	}
	k.answers.Write(bytes.Join(answers, nil))
	return len(p), nil
}

// readAs reads the table over a session as one who expects that many bytes of it.
func (k *kernel) readAs(s *session, expected int) ([]byte, error) {
	r := &reading{handle: "table", expected: expected}
	s.read(r)
	return r.data, r.err
}

func (k *kernel) Read(p []byte) (int, error) { return k.answers.Read(p) }
func (k *kernel) Close() error               { return nil }

// No size of page or table, no widths of rows, and nothing that is expected make a
// read end early. Where not much less is there than expected, nothing is asked for
// that makes the kernel write the table twice.
func TestTableIsReadToItsEnd(t *testing.T) {
	for seed := range uint64(2_000) {
		dice := rand.New(rand.NewPCG(seed, 0))
		k := &kernel{buffer: []int{4 << 10, 16 << 10, 64 << 10}[dice.IntN(3)]}
		k.backwards = dice.IntN(2) == 0
		width := 100 + dice.IntN(150)
		for range dice.IntN(700) {
			k.rows = append(k.rows, strings.Repeat(string(rune('a'+dice.IntN(26))), width+dice.IntN(100)))
		}
		want := strings.Join(k.rows, "")
		expected := dice.IntN(100_000)
		got, err := k.readAs(&session{channel: k}, expected)
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, want, string(got), "seed %d", seed)
		if len(want) >= expected*3/4 {
			require.Zero(t, k.rewritings, "seed %d", seed)
		}
	}
}

// A busy service that closes its connections itself has thousands of rows, most of
// them in TIME_WAIT: far away each round trip counts.
func TestLargeTableTakesFewRoundTrips(t *testing.T) {
	k := &kernel{buffer: 4 << 10, rows: slices.Repeat([]string{strings.Repeat("x", 150)}, 12_000)}
	s := &session{channel: k}
	first, err := k.readAs(s, 0)
	require.NoError(t, err)
	before := k.trips
	again, err := k.readAs(s, len(first))
	require.NoError(t, err)
	require.Len(t, again, len(first))
	require.Greater(t, before, 400)
	require.Less(t, k.trips-before, before/3)
	require.Zero(t, k.rewritings)

	k.rows = k.rows[:10_000] // as many are left after ten of their sixty seconds
	_, err = k.readAs(s, len(first))
	require.NoError(t, err)
	require.Zero(t, k.rewritings)
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
	there := []byte("\x00\x00\x00\x00")
	f.Add(packets(hello, &handleMessage{1, "h"}, &attributesMessage{3, there}, &dataMessage{ID: 2, Data: []byte("text")}, &statusMessage{ID: 4}, &vfsMessage{ID: 4}))
	f.Add(packets(hello, &handleMessage{1, "h"}, &dataMessage{ID: 2, Data: []byte("text")}, &statusMessage{3, 2, nil}, &vfsMessage{ID: 4}))
	f.Add(packets(hello, &statusMessage{1, 2, []byte("\x00\x00\x00\x02no\x00\x00\x00\x00")}, &vfsMessage{ID: 2}, &attributesMessage{3, []byte("\x00\x00\x00\x0f")}))
	f.Add(packets(hello, &statusMessage{1, 99, nil}, &statusMessage{2, 3, nil}, &attributesMessage{3, bytes.Repeat([]byte{0, 0, 0, 4}, 9)}))
	f.Add([]byte("This account is currently not available.\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		s := &session{channel: &script{Reader: bytes.NewReader(said)}}
		errs := []error{s.greet()}
		if errs[0] == nil {
			_, err := s.reread([]string{"/a", "/b"})
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
