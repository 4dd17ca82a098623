package remote_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

func TestWrongKey(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	path, key, _ := sshtest.KeyFile(t, "")
	c.KeyFile = path
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrAuth)
	require.NotErrorIs(t, err, remote.ErrUnreachable)
	require.ErrorContains(t, err, "login refused for user ec2-user: ")
	require.ErrorContains(t, err, "check User, KeyFile and the instance's authorized_keys")
	require.ErrorContains(t, err, ssh.FingerprintSHA256(key))
}

func TestUser(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	dial(t, c)
	c.User = "deploy"
	dial(t, c)
	// The server notes a login after the client knows of it, in no order.
	both := func() bool {
		return slices.Equal(slices.Sorted(slices.Values(server.Users())), []string{"deploy", "ec2-user"})
	}
	require.Eventually(t, both, 30*time.Second, time.Millisecond)
}

func TestKeyFile(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	folder := t.TempDir()
	open := filepath.Join(folder, "open")
	data, err := os.ReadFile(c.KeyFile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(open, data, 0o600))
	require.NoError(t, os.Chmod(open, 0o640))
	garbage := filepath.Join(folder, "garbage")
	require.NoError(t, os.WriteFile(garbage, []byte("not a key"), 0o600))
	for name, test := range map[string]struct{ path, says string }{
		"open":    {open, "chmod 600 " + open},
		"garbage": {garbage, "parse key " + garbage},
		"missing": {filepath.Join(folder, "missing"), "it does not exist: name a private key"},
		"folder":  {folder, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			c := c
			c.KeyFile = test.path
			err := dialError(t, c)
			require.ErrorIs(t, err, remote.ErrKeyFile)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestPassphrase(t *testing.T) {
	path, key, _ := sshtest.KeyFile(t, "open sesame")
	server := sshtest.Start(t, sshtest.Options{Authorized: key})
	c := remote.Config{Address: server.Addr, KeyFile: path, KnownHosts: []string{server.KnownHosts()}}

	c.Passphrase = func() ([]byte, error) { return []byte("open sesame"), nil }
	dial(t, c)

	c.Passphrase = func() ([]byte, error) { return []byte("s3cret-guess"), nil }
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrKeyFile)
	require.NotContains(t, err.Error(), "s3cret-guess")

	gone := errors.New("no terminal")
	c.Passphrase = func() ([]byte, error) { return nil, gone }
	require.ErrorIs(t, dialError(t, c), gone)

	c.Passphrase = nil
	err = dialError(t, c)
	require.ErrorIs(t, err, remote.ErrKeyFile)
	require.ErrorContains(t, err, "ssh-add")
}

func TestPassphraseAskedOnlyWhenEncrypted(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	c.Passphrase = func() ([]byte, error) {
		t.Error("a plain key has no passphrase")
		return nil, nil
	}
	dial(t, c)
}

// serveAgent serves a keyring on a unix socket.
func serveAgent(t *testing.T, keys ...any) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, key := range keys {
		require.NoError(t, ring.Add(agent.AddedKey{PrivateKey: key}))
	}
	return serveRing(t, ring)
}

// serveRing serves an agent on a unix socket.
func serveRing(t *testing.T, ring agent.Agent) string {
	t.Helper()
	// Not t.TempDir: a socket's path must be short.
	folder, err := os.MkdirTemp("", "agent")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "s")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, conn); _ = conn.Close() }()
		}
	}()
	return socket
}

func TestAgent(t *testing.T) {
	_, key, private := sshtest.KeyFile(t, "")
	server := sshtest.Start(t, sshtest.Options{Authorized: key})
	c := remote.Config{Address: server.Addr, KnownHosts: []string{server.KnownHosts()}}

	t.Setenv("SSH_AUTH_SOCK", serveAgent(t, private))
	dial(t, c)

	t.Setenv("SSH_AUTH_SOCK", serveAgent(t))
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrAgent)
	require.ErrorContains(t, err, "ssh-add")

	t.Setenv("SSH_AUTH_SOCK", filepath.Join(t.TempDir(), "gone"))
	require.ErrorIs(t, dialError(t, c), remote.ErrAgent)

	t.Setenv("SSH_AUTH_SOCK", "")
	err = dialError(t, c)
	require.ErrorIs(t, err, remote.ErrConfig)
	require.ErrorIs(t, err, remote.ErrNoKey)
	require.ErrorContains(t, err, "neither a private key nor an SSH agent is given: set KeyFile, or start an agent (SSH_AUTH_SOCK)")
	_, err = c.Check()
	require.ErrorIs(t, err, remote.ErrNoKey)
}

// With a key file the environment's agent is left alone, and a named one is
// asked besides.
func TestAgentBesidesKeyFile(t *testing.T) {
	_, key, private := sshtest.KeyFile(t, "")
	server := sshtest.Start(t, sshtest.Options{Authorized: key})
	other, _, _ := sshtest.KeyFile(t, "")
	c := remote.Config{Address: server.Addr, KnownHosts: []string{server.KnownHosts()}, KeyFile: other}
	socket := serveAgent(t, private)
	t.Setenv("SSH_AUTH_SOCK", socket)
	require.ErrorIs(t, dialError(t, c), remote.ErrAuth)
	c.AgentSocket = socket
	dial(t, c)
}

func TestCheckFindsWhatMakesEveryDialFail(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	_, err := c.Check()
	require.NoError(t, err)
	require.NoError(t, os.Chmod(c.KeyFile, 0o644))
	_, err = c.Check()
	require.ErrorContains(t, err, "chmod 600")
	c.KeyFile += ".none"
	_, err = c.Check()
	require.ErrorIs(t, err, remote.ErrKeyFile)
	c.KnownHosts = []string{c.KeyFile}
	_, err = c.Check()
	require.Error(t, err)
}
