package sshtest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/growl-dev/deploy/internal/porttest"
)

// OpenSSH is a real OpenSSH server of this machine. The user that runs the test can log in.
type OpenSSH struct {
	// Addr is host:port.
	Addr string
	// User is the name to log in with.
	User string
	// KnownHosts is a known_hosts file that holds the server's key.
	KnownHosts string
	// HostKey is the file of the server's private key.
	HostKey string

	mu  sync.Mutex
	log []string
}

// StartOpenSSH starts sshd until the test ends. The authorized key may log in, and settings are further lines of
// sshd_config, which precede its own. The test is skipped if sshd is not installed.
func StartOpenSSH(t testing.TB, authorized ssh.PublicKey, settings ...string) *OpenSSH {
	t.Helper()
	program := OpenSSHProgram(t, "sshd")
	if os.Getuid() == 0 {
		// sshd confines itself to this empty folder. An init system makes it for the service.
		require.NoError(t, os.MkdirAll("/run/sshd", 0o755))
	}
	me, err := user.Current()
	require.NoError(t, err)
	port := porttest.Free(t)
	dir, err := os.MkdirTemp("", "sshd")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755)) // sshd reads authorized_keys as the user who logs in
	s := &OpenSSH{
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), User: me.Username,
		HostKey: filepath.Join(dir, "host"),
	}
	run(t, OpenSSHProgram(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", s.HostKey)
	public, err := os.ReadFile(s.HostKey + ".pub")
	require.NoError(t, err)
	s.KnownHosts = Lines(t, knownhosts.Normalize(s.Addr)+" "+string(public))
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	var keys string
	if authorized != nil {
		keys = string(ssh.MarshalAuthorizedKey(authorized))
	}
	authorizedFile := write("authorized_keys", keys)
	require.NoError(t, os.Chmod(authorizedFile, 0o644))
	config := append(settings,
		fmt.Sprintf("Port %d", port), "ListenAddress 127.0.0.1", "HostKey "+s.HostKey, "PidFile none",
		"AuthorizedKeysFile "+authorizedFile, "StrictModes no", "UsePAM no",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "Subsystem sftp internal-sftp")
	s.start(t, program, write("sshd_config", strings.Join(config, "\n")+"\n"))
	return s
}

// OpenSSHProgram returns the path of one of OpenSSH's programs. The test is skipped if it is not installed.
func OpenSSHProgram(t testing.TB, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Skip("needs " + name + " of OpenSSH")
	return ""
}

// start returns when the server listens.
func (s *OpenSSH) start(t testing.TB, program, config string) {
	t.Helper()
	cmd := exec.Command(program, "-D", "-e", "-f", config)
	output, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	listening, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		once := sync.OnceFunc(func() { close(listening) })
		for lines := bufio.NewScanner(output); lines.Scan(); {
			s.note(lines.Text())
			if strings.HasPrefix(lines.Text(), "Server listening on ") {
				once()
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sshd at %s: %s", s.Addr, strings.Join(s.Log(), "\n"))
		}
	})
	select {
	case <-listening:
	case <-ended:
		require.FailNow(t, "sshd ended", "%v", s.Log())
	case <-time.After(time.Minute):
		require.NoError(t, errors.New("sshd does not listen"))
	}
}

func (s *OpenSSH) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, line)
}

// Log returns the lines that the server has logged.
func (s *OpenSSH) Log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.log...)
}

// Logged returns how many lines of the log contain a text.
func (s *OpenSSH) Logged(text string) (lines int) {
	for _, line := range s.Log() {
		if strings.Contains(line, text) {
			lines++
		}
	}
	return lines
}

// run runs a program that has to succeed.
func run(t testing.TB, program string, args ...string) {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
