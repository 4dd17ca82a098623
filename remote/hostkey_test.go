package remote_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func TestHostKeyUnknown(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	c.KnownHosts = []string{sshtest.Lines(t, "# nobody")}
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrHostKeyUnknown)
	refused, ok := errors.AsType[*remote.HostKeyError](err)
	require.True(t, ok)
	require.Equal(t, ssh.FingerprintSHA256(server.HostKeys[0].PublicKey()), refused.Fingerprint)
	require.Equal(t, c.KnownHosts[0], refused.File)
	require.ErrorContains(t, err, refused.Fingerprint)
	require.ErrorContains(t, err, "dial i-0abc at "+server.Addr)
	require.ErrorContains(t, err, "ssh-keyscan -p ")
	require.ErrorContains(t, err, ">> "+c.KnownHosts[0])
}

// A server with a certificate of an authority nobody knows is an unknown host,
// with the fingerprint of its plain key.
func TestHostKeyUnknownWithCertificate(t *testing.T) {
	host := sshtest.NewKey(t)
	certified := sshtest.Certify(t, host, sshtest.NewKey(t), time.Now().Add(time.Hour))
	_, c := start(t, sshtest.Options{HostKeys: []ssh.Signer{host, certified}})
	c.KnownHosts = []string{sshtest.Lines(t, "# nobody")}
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrHostKeyUnknown)
	require.ErrorContains(t, err, ssh.FingerprintSHA256(host.PublicKey()))
}

func TestHostKeyChanged(t *testing.T) {
	other := sshtest.NewKey(t)
	for name, known := range map[string]ssh.Signer{
		"same type":  other,
		"other type": sshtest.NewECDSA(t),
	} {
		t.Run(name, func(t *testing.T) {
			server, c := start(t, sshtest.Options{})
			c.KnownHosts = []string{sshtest.Lines(t, "# first", knownhosts.Line([]string{server.Addr}, known.PublicKey()))}
			err := dialError(t, c)
			require.ErrorIs(t, err, remote.ErrHostKeyChanged)
			require.NotErrorIs(t, err, remote.ErrHostKeyUnknown)
			require.ErrorContains(t, err, "HOST KEY CHANGED")
			require.ErrorContains(t, err, ssh.FingerprintSHA256(known.PublicKey()))
			require.ErrorContains(t, err, c.KnownHosts[0]+" line 2")
			require.ErrorContains(t, err, "ssh-keygen -f")
		})
	}
}

func TestHostKeyRevoked(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	line := knownhosts.Line([]string{server.Addr}, server.HostKeys[0].PublicKey())
	_, key, _ := strings.Cut(line, " ")
	c.KnownHosts = []string{sshtest.Lines(t, line, "@revoked * "+key)}
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrHostKeyInvalid)
	require.ErrorContains(t, err, "line 2 revokes it")
}

// A file that holds one of the server's keys is enough, whichever the server
// would rather show.
func TestHostKeyOneOfSeveralTypes(t *testing.T) {
	for _, known := range []int{0, 1} {
		server, c := start(t, sshtest.Options{HostKeys: []ssh.Signer{sshtest.NewECDSA(t), sshtest.NewKey(t)}})
		c.KnownHosts = []string{sshtest.Lines(t, knownhosts.Line([]string{server.Addr}, server.HostKeys[known].PublicKey()))}
		dial(t, c)
	}
}

func TestHostKeyHashedName(t *testing.T) {
	server, c := start(t, sshtest.Options{})
	hashed := knownhosts.HashHostname(knownhosts.Normalize(server.Addr))
	c.KnownHosts = []string{sshtest.Lines(t, knownhosts.Line([]string{hashed}, server.HostKeys[0].PublicKey()))}
	dial(t, c)
}

func TestHostKeyAuthority(t *testing.T) {
	authority, other, host := sshtest.NewECDSA(t), sshtest.NewKey(t), sshtest.NewKey(t)
	line := func(signer ssh.Signer) string {
		return "@cert-authority * " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	}
	hour := time.Now().Add(time.Hour)
	for name, test := range map[string]struct {
		shown []ssh.Signer
		known string
		want  error
		says  string
	}{
		"good":            {[]ssh.Signer{host, sshtest.Certify(t, host, authority, hour)}, line(authority), nil, ""},
		"other authority": {[]ssh.Signer{sshtest.Certify(t, host, other, hour)}, line(authority), remote.ErrHostKeyChanged, "no @cert-authority"},
		"expired":         {[]ssh.Signer{sshtest.Certify(t, host, authority, time.Now().Add(-time.Hour))}, line(authority), remote.ErrHostKeyInvalid, "not valid"},
		"no certificate":  {[]ssh.Signer{host}, line(authority), remote.ErrHostKeyChanged, "shows none"},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := start(t, sshtest.Options{HostKeys: test.shown})
			c.KnownHosts = []string{sshtest.Lines(t, test.known)}
			if test.want == nil {
				dial(t, c)
				return
			}
			err := dialError(t, c)
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestKnownHostsUnusable(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	c.KnownHosts = append(c.KnownHosts, c.KnownHosts[0]+".missing")
	require.ErrorIs(t, dialError(t, c), remote.ErrKnownHosts)
	c.KnownHosts = []string{sshtest.Lines(t, "host ssh-ed25519 garbage")}
	require.ErrorIs(t, dialError(t, c), remote.ErrKnownHosts)
	c.KnownHosts = nil
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrConfig)
	require.ErrorContains(t, err, "known_hosts")
}

// lineFor is a known_hosts line for a server that is reached at another address.
func lineFor(address string, server *sshtest.Server) string {
	return knownhosts.Line([]string{address}, server.HostKeys[0].PublicKey())
}
