package remote

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/sshtest"
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

// TestNothingIsLeftOfAClient holds that a connection that has ended leaves nothing running.
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

// TestReadFileReadsAllOfIt holds for sizes around those of a request.
func TestReadFileReadsAllOfIt(t *testing.T) {
	client, name := dialHere(t), filepath.Join(t.TempDir(), "file")
	for _, size := range []int{0, 1, readSize - 1, readSize, readSize + 1, 100_000, MaxSize} {
		want := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		require.NoError(t, os.WriteFile(name, want, 0o600))
		got, err := client.ReadFile(t.Context(), name)
		require.NoError(t, err, size)
		require.True(t, bytes.Equal(want, got), size)
	}
}

// TestReadFileFails holds that an error of the server's is one line and leaves the session as it was.
func TestReadFileFails(t *testing.T) {
	client, folder := dialHere(t), t.TempDir()
	_, err := client.Stat(t.Context(), folder)
	require.NoError(t, err)
	before, err := client.files.session(t.Context())
	require.NoError(t, err)
	for name, want := range map[string]string{folder: "directory", filepath.Join(folder, "none"): "not exist"} {
		_, err := client.ReadFile(t.Context(), name)
		require.ErrorContains(t, err, "read "+name+" on")
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
	}
	after, err := client.files.session(t.Context())
	require.NoError(t, err)
	require.Same(t, before, after)
}

// TestReadFileOfADeadProcess holds that a process which has ended leaves no file to read, though its number may still
// be known to the caller.
func TestReadFileOfADeadProcess(t *testing.T) {
	client := dialHere(t)
	process := exec.CommandContext(t.Context(), "cat")
	in, err := process.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	name := fmt.Sprintf("/proc/%d/net/snmp", process.Process.Pid)
	if _, err := os.Stat(name); err != nil {
		t.Skip("there is no " + name)
	}
	data, err := client.ReadFile(t.Context(), name)
	require.NoError(t, err)
	require.Contains(t, string(data), "PassiveOpens")
	require.NoError(t, in.Close())
	require.NoError(t, process.Wait())
	_, err = client.ReadFile(t.Context(), name)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestReadFileOfProc holds that the kernel's table is read to its end: it reports a size of 0, and hands out about a
// page at a time.
func TestReadFileOfProc(t *testing.T) {
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
	misses := func() bool {
		data, err := client.ReadFile(t.Context(), name)
		require.NoError(t, err)
		return slices.ContainsFunc(all, func(l net.Listener) bool {
			return !bytes.Contains(data, fmt.Appendf(nil, " 0100007F:%04X 00000000:0000 0A", l.Addr().(*net.TCPAddr).Port))
		})
	}
	for range 100 { // more rows than a page has
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		all = append(all, listener)
	}
	for reads := 1; misses(); reads++ { // rows of other programs shift ours between two pages
		require.Less(t, reads, 5)
	}
}

// answers is a server that greets, and then answers each request with the next part of a text: a byte for the type, one
// for the length of what follows the request's number, and that.
type answers struct {
	text    string
	out     *io.PipeWriter
	greeted bool
}

// Write takes one request, as the library writes it: its length, its type, its number, and more.
func (a *answers) Write(request []byte) (int, error) {
	switch {
	case !a.greeted:
		a.greeted = true
		a.send([]byte{2, 0, 0, 0, 3})
	case len(a.text) < 2:
		_ = a.out.Close()
	default:
		length := min(int(a.text[1]), len(a.text)-2)
		a.send(slices.Concat([]byte{a.text[0]}, request[5:9], []byte(a.text[2:2+length])))
		a.text = a.text[2+length:]
	}
	return len(request), nil
}

func (a *answers) send(packet []byte) {
	go a.out.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(packet))), packet...))
}

func (a *answers) Close() error { return a.out.Close() }

// FuzzSFTP holds that no answer of a server ends the program, or holds a call that the session's end would not end, and
// that an error is one line.
func FuzzSFTP(f *testing.F) {
	const (
		status, handle, data, attributes = 101, 102, 103, 105
		none                             = "\x00\x00\x00\x02\x00\x00\x00\x02no\x00\x00\x00\x00"
	)
	answer := func(kind byte, body string) string { return string([]byte{kind, byte(len(body))}) + body }
	f.Add(answer(handle, "\x00\x00\x00\x01h") + answer(data, "\x00\x00\x00\x04text") + answer(status, "\x00\x00\x00\x01") + answer(status, "\x00\x00\x00\x00") + answer(attributes, "\x00\x00\x00\x00"))
	f.Add(answer(status, none) + answer(attributes, "\x00\x00\x00\x0f"))
	f.Add(answer(handle, "\xff\xff\xff\xff") + answer(attributes, "\xff\xff\xff\xff"))
	f.Add(answer(handle, "\x00\x00\x00\x01h") + answer(data, "\xff\xff\xff\xfftext"))
	f.Add(answer(status, "\x00\x00\x00\x00") + answer(status, "\x00\x00\x00\x00"))
	f.Add("This account is currently not available.\n")
	f.Fuzz(func(t *testing.T, text string) {
		in, out := io.Pipe()
		s, err := sftp.NewClientPipe(in, &answers{text: text, out: out}, sftp.UseConcurrentReads(false))
		require.NoError(t, err)
		_, read := guarded(s, func(s *sftp.Client) ([]byte, error) { return readFile(s, "/a") })
		info, stat := guarded(s, func(s *sftp.Client) (fs.FileInfo, error) { return s.Stat("/b") })
		if stat == nil {
			require.Equal(t, "b", info.Name())
		}
		for _, err := range []error{read, stat} {
			if err != nil {
				require.NotContains(t, err.Error(), "\n")
			}
		}
		_ = s.Close()
	})
}
