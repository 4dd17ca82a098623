package remote_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
)

// knownFiles returns known_hosts files of all kinds for a server. HOST stands for its address, NAME for [address]:port,
// PORT for the port, KEY for its key, and OTHER for another key.
func knownFiles() map[string]string {
	return map[string]string{
		"its line":                         "NAME KEY\n",
		"no end of the last line":          "NAME KEY",
		"ends of lines as on Windows":      "NAME KEY\r\n",
		"spaces and tabs":                  " \t NAME \t  KEY   a comment of some words  \n",
		"comments and empty lines":         "# comment\n\n   \n\t# another\nNAME KEY\n",
		"another host's line":              "192.0.2.7 KEY\n",
		"another key":                      "NAME OTHER\n",
		"another key first":                "NAME OTHER\nNAME KEY\n",
		"malformed base64 before":          "NAME ssh-ed25519 AAAA%%%\nNAME KEY\n",
		"a truncated key before":           "NAME ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\nNAME KEY\n",
		"a newer type before":              "NAME ssh-newest@example.com AAAAFnNzaC1uZXdlc3RAZXhhbXBsZS5jb20=\nNAME KEY\n",
		"numbers of SSH1 before":           "NAME 1024 35 1234567890\nNAME KEY\n",
		"a stray = after the key":          "NAME KEY=\nNAME KEY\n",
		"one word before":                  "NAME\nNAME KEY\n",
		"two words before":                 "NAME ssh-ed25519\nNAME KEY\n",
		"another type than the key's":      "NAME ssh-rsa BLOB\n192.0.2.7 KEY\n",
		"all hosts":                        "* KEY\n",
		"a pattern with a port":            "[127.0.0.?]:* KEY\n",
		"a pattern that ends in a star":    "[127.* KEY\n",
		"a pattern without a port":         "127.0.* KEY\n",
		"a pattern of too many":            "[127.0.0.?" + "?]:PORT KEY\n",
		"brackets are no class":            "[[]127.0.0.1]:PORT KEY\n",
		"several names":                    "192.0.2.7,NAME,example.com KEY\n",
		"an empty name":                    ",,NAME KEY\n",
		"a name that is excluded":          "*,!NAME KEY\n",
		"a name that is excluded first":    "!NAME,* KEY\n",
		"another name that is excluded":    "!192.0.2.7,* KEY\n",
		"only an exclusion":                "!192.0.2.7 KEY\n",
		"the host without its port":        "HOST KEY\n",
		"another key without the port":     "HOST OTHER\n",
		"another port":                     "[HOST]:1 KEY\n",
		"the standard port in brackets":    "[HOST]:22 KEY\n",
		"a port without brackets":          "HOST:PORT KEY\n",
		"a hashed name":                    "HASHED KEY\n",
		"a hashed name without the port":   "HASHEDHOST KEY\n",
		"a hashed name of another kind":    "|2|AAAA|AAAA KEY\n192.0.2.7 KEY\n",
		"a hashed name without a hash":     "|1|AAAA KEY\nNAME KEY\n",
		"revoked":                          "NAME KEY\n@revoked NAME KEY\n",
		"revoked everywhere":               "@revoked * KEY\nNAME KEY\n",
		"revoked for another host":         "@revoked 192.0.2.7 KEY\nNAME KEY\n",
		"another key is revoked":           "@revoked * OTHER\nNAME KEY\n",
		"an authority, and no certificate": "@cert-authority * KEY\n",
		"an authority, and its own line":   "@cert-authority * OTHER\nNAME KEY\n",
		"an unknown marker":                "@trusted NAME KEY\n192.0.2.7 KEY\n",
		"two markers":                      "@cert-authority @revoked NAME KEY\nNAME KEY\n",
		"a marker after spaces":            "  @revoked NAME\tKEY\nNAME KEY\n",
		"a byte order mark":                "\ufeffNAME KEY\n192.0.2.7 KEY\n",
		"a byte order mark and a comment":  "\ufeff# comment\nNAME KEY\n",
	}
}

// OpenSSH's client and this package accept the same servers by the same file.
func TestKnownHostsAreReadAsOpenSSHReadsThem(t *testing.T) {
	server, c := openSSH(t, "MaxStartups 100", "PerSourceMaxStartups none")
	client := sshtest.OpenSSHProgram(t, "ssh")
	for name, text := range knownFiles() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := c
			c.KnownHosts = []string{sshtest.Lines(t, fill(t, server, text))}
			host, port, err := net.SplitHostPort(server.Addr)
			require.NoError(t, err)
			out, theirs := exec.Command(client, "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no",
				"-o", "IdentitiesOnly=yes", "-o", "GlobalKnownHostsFile=/dev/null", "-o", "UserKnownHostsFile="+c.KnownHosts[0],
				"-i", c.KeyFile, "-p", port, "-l", server.User, host, "true").CombinedOutput()
			connection, ours := remote.Dial(t.Context(), c)
			if ours == nil {
				_ = connection.Close()
			}
			assert.Equal(t, theirs == nil, ours == nil, "OpenSSH: %s\nhere: %v", out, ours)
		})
	}
}

// fill replaces the words of a file by the server's.
func fill(t *testing.T, server *sshtest.OpenSSH, text string) string {
	t.Helper()
	known, err := os.ReadFile(server.KnownHosts)
	require.NoError(t, err)
	name, key, _ := strings.Cut(strings.TrimSpace(string(known)), " ")
	words := strings.Fields(key)
	host, port, err := net.SplitHostPort(server.Addr)
	require.NoError(t, err)
	other := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshtest.NewKey(t).PublicKey())))
	return strings.NewReplacer(
		"HASHEDHOST", knownhosts.HashHostname(host), "HASHED", knownhosts.HashHostname(name),
		"HOST", host, "NAME", name, "PORT", port, "OTHER", other, "KEY", words[0]+" "+words[1], "BLOB", words[1],
	).Replace(text)
}

// Where OpenSSH trusts a key although the file may revoke it, nothing is trusted here.
func TestALineThatMayRevokeIsNeverSkipped(t *testing.T) {
	server, c := openSSH(t)
	c.KnownHosts = []string{sshtest.Lines(t, fill(t, server, "NAME KEY\n@revoked\tNAME KEY"))}
	require.ErrorIs(t, dialError(t, c), remote.ErrHostKeyInvalid)
	for _, line := range []string{"@revoked * ssh-ed25519 AAAA%", "@revoked *", "@revoked * ssh-newest@example.com AAAA"} {
		c.KnownHosts = []string{sshtest.Lines(t, fill(t, server, "NAME KEY"), line)}
		err := dialError(t, c)
		require.ErrorIs(t, err, remote.ErrKnownHosts)
		require.ErrorContains(t, err, c.KnownHosts[0]+" line 2 cannot be read, and would revoke a key")
	}
}

func TestLinesThatAreSkippedAreNamed(t *testing.T) {
	server, c := openSSH(t)
	c.KnownHosts = []string{sshtest.Lines(t, "# comment", "NAME ssh-ed25519 AAAA%", fill(t, server, "NAME KEY"), "NAME 1024 35 99")}
	dial(t, c)
	remarks, err := c.Check()
	require.NoError(t, err)
	require.Len(t, remarks, 2)
	require.Contains(t, remarks[0], c.KnownHosts[0]+" line 2 was skipped, because it cannot be read: illegal base64")
	require.Contains(t, remarks[1], c.KnownHosts[0]+" line 4 was skipped")

	c.KnownHosts = []string{sshtest.Lines(t, "NAME ssh-ed25519 AAAA%", fill(t, server, "192.0.2.7 KEY"))}
	err = dialError(t, c)
	require.ErrorIs(t, err, remote.ErrHostKeyUnknown)
	require.ErrorContains(t, err, " line 1 was skipped", "the line may be the host's")

	c.KnownHosts = []string{sshtest.Lines(t, "\ufeff", "NAME ssh-ed25519 AAAA%")}
	err = dialError(t, c)
	require.ErrorIs(t, err, remote.ErrKnownHosts)
	require.ErrorContains(t, err, "holds no line that can be read")
}

func FuzzKnownHosts(f *testing.F) {
	for _, text := range knownFiles() {
		f.Add(text)
	}
	file := filepath.Join(f.TempDir(), "known_hosts")
	f.Fuzz(func(t *testing.T, text string) {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		remarks, err := remote.Config{Address: "192.0.2.7", KnownHosts: []string{file}, AgentSocket: "none"}.Check()
		if err != nil {
			require.ErrorIs(t, err, remote.ErrKnownHosts)
			require.NotContains(t, err.Error(), "\n")
		}
		require.LessOrEqual(t, len(remarks), strings.Count(text, "\n")+1)
	})
}
