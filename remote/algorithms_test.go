package remote_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
)

func TestAlgorithmsWithSHA1AreNotUsed(t *testing.T) {
	for name, setting := range map[string]string{
		"key exchange": "KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1",
		"MAC":          "MACs hmac-sha1,hmac-sha1-96,hmac-sha1-etm@openssh.com",
	} {
		t.Run(name, func(t *testing.T) {
			ciphers := "Ciphers aes128-ctr,aes256-ctr"
			_, c := openSSH(t, setting, ciphers)
			err := dialError(t, c)
			require.ErrorIs(t, err, remote.ErrUnreachable)
			require.NotErrorIs(t, err, remote.ErrAuth)
			require.ErrorContains(t, err, "the server supports only old algorithms (")
			require.ErrorContains(t, err, "sha1")
		})
	}
}

func TestShortRSAKeysAreRefused(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	private, err := rsa.GenerateKey(rand.Reader, 1536)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	_, c := start(t, sshtest.Options{HostKeys: []ssh.Signer{signer}})
	err = dialError(t, c)
	require.ErrorIs(t, err, remote.ErrHostKeyInvalid)
	require.ErrorContains(t, err, "it is an RSA key of 1536 bits, and fewer than 2048 are not accepted")

	block, err := ssh.MarshalPrivateKey(private, "short")
	require.NoError(t, err)
	_, c = start(t, sshtest.Options{})
	c.KeyFile = filepath.Join(t.TempDir(), "short")
	require.NoError(t, os.WriteFile(c.KeyFile, pem.EncodeToMemory(block), 0o600))
	err = dialError(t, c)
	require.ErrorIs(t, err, remote.ErrKeyFile)
	require.ErrorContains(t, err, "1536 bits")
	require.ErrorContains(t, err, "ssh-keygen -t ed25519")
}
