package sshtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// NewKey makes an Ed25519 key.
func NewKey(t testing.TB) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer
}

// NewECDSA makes a key of another type.
func NewECDSA(t testing.TB) ssh.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer
}

// KeyFile makes a private key and writes it to a file of mode 0600. It returns the path and both halves.
// passphrase may be empty.
func KeyFile(t testing.TB, passphrase string) (path string, key ssh.PublicKey, private crypto.PrivateKey) {
	t.Helper()
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(secret, "test")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(secret, "test", []byte(passphrase))
	}
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "id")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	key, err = ssh.NewPublicKey(public)
	require.NoError(t, err)
	return path, key, secret
}

// Certify returns the host key with a certificate of the authority for 127.0.0.1.
func Certify(t testing.TB, host, authority ssh.Signer, until time.Time) ssh.Signer {
	t.Helper()
	certificate := &ssh.Certificate{
		Key:             host.PublicKey(),
		CertType:        ssh.HostCert,
		ValidPrincipals: []string{"127.0.0.1"},
		ValidBefore:     uint64(until.Unix()),
	}
	require.NoError(t, certificate.SignCert(rand.Reader, authority))
	signer, err := ssh.NewCertSigner(certificate, host)
	require.NoError(t, err)
	return signer
}

// KnownHosts writes a known_hosts file with a line for each of the server's keys.
func (s *Server) KnownHosts() string {
	s.t.Helper()
	var lines []string
	for _, key := range s.HostKeys {
		lines = append(lines, knownhosts.Line([]string{s.Addr}, key.PublicKey()))
	}
	return Lines(s.t, lines...)
}

// Lines writes a known_hosts file of these lines and returns its path.
func Lines(t testing.TB, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

func address(host string, port int) string {
	return net.JoinHostPort(host, strconv.Itoa(port))
}
