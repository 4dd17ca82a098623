package remote_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
)

// keygen runs ssh-keygen.
func keygen(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command(sshtest.OpenSSHProgram(t, "ssh-keygen"), append([]string{"-q"}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// publicKey reads the public half beside a key file.
func publicKey(t *testing.T, path string) ssh.PublicKey {
	t.Helper()
	data, err := os.ReadFile(path + ".pub")
	require.NoError(t, err)
	key, _, _, _, err := ssh.ParseAuthorizedKey(data)
	require.NoError(t, err)
	return key
}

func TestTheCertificateBesideTheKeyIsUsed(t *testing.T) {
	dir := t.TempDir()
	authority, key := filepath.Join(dir, "authority"), filepath.Join(dir, "key")
	keygen(t, "-t", "ed25519", "-N", "", "-f", authority)
	keygen(t, "-t", "ed25519", "-N", "", "-f", key)
	server, c := openSSH(t, "TrustedUserCAKeys "+authority+".pub")
	c.KeyFile = key
	sign := func(user, validity string) {
		keygen(t, "-s", authority, "-I", "deployer", "-n", user, "-V", validity, key+".pub")
	}
	require.ErrorIs(t, dialError(t, c), remote.ErrAuth)
	sign(server.User, "-1h:+1h")
	dial(t, c)

	sign(server.User, "20200102030405Z:20200102040405Z")
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrAuth)
	require.ErrorContains(t, err, "the certificate "+key+"-cert.pub expired at 2020-01-02 04:04 UTC: have the key signed again")
	sign(server.User, "20400102030405Z:20400102040405Z")
	require.ErrorContains(t, dialError(t, c), "is not valid before 2040-01-02 03:04 UTC")
	sign("somebody", "-1h:+1h")
	require.ErrorContains(t, dialError(t, c), "(with a certificate for somebody)")
	keygen(t, "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "other"))
	keygen(t, "-s", authority, "-I", "x", "-n", server.User, filepath.Join(dir, "other.pub"))
	require.NoError(t, os.Rename(filepath.Join(dir, "other-cert.pub"), key+"-cert.pub"))
	require.ErrorContains(t, dialError(t, c), "key-cert.pub is of another key")
	require.NoError(t, os.WriteFile(key+"-cert.pub", []byte("nothing"), 0o600))
	require.ErrorContains(t, dialError(t, c), "key-cert.pub cannot be read")

	// A certificate of no use does not keep the key itself from being used.
	server = sshtest.StartOpenSSH(t, publicKey(t, key))
	c.Address, c.KnownHosts = server.Addr, []string{server.KnownHosts}
	dial(t, c)
}

// Encrypted keys are read, or the remedy is named, and the remedy works.
func TestEncryptedKeysOfAllForms(t *testing.T) {
	for name, test := range map[string]struct {
		form     []string
		refusing string
	}{
		"aes256-ctr":  {[]string{"-t", "ed25519"}, ""},
		"aes256-cbc":  {[]string{"-t", "ed25519", "-Z", "aes256-cbc"}, ""},
		"PEM":         {[]string{"-t", "rsa", "-b", "2048", "-m", "PEM"}, ""},
		"aes256-gcm":  {[]string{"-t", "ed25519", "-Z", "aes256-gcm@openssh.com"}, "it is encrypted with aes256-gcm@openssh.com"},
		"chacha20":    {[]string{"-t", "ed25519", "-Z", "chacha20-poly1305@openssh.com"}, "it is encrypted with chacha20-poly1305@openssh.com"},
		"PKCS8":       {[]string{"-t", "rsa", "-b", "2048", "-m", "PKCS8"}, "it is encrypted in the form PKCS #8"},
		"PKCS8 ECDSA": {[]string{"-t", "ecdsa", "-m", "PKCS8"}, "it is encrypted in the form PKCS #8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := filepath.Join(t.TempDir(), "key")
			keygen(t, append(test.form, "-a", "1", "-N", "open sesame", "-f", key)...)
			server := sshtest.StartOpenSSH(t, publicKey(t, key))
			c := remote.Config{
				Address: server.Addr, User: server.User, KnownHosts: []string{server.KnownHosts}, KeyFile: key,
				Passphrase: func() ([]byte, error) { return []byte("open sesame"), nil },
			}
			if test.refusing != "" {
				err := dialError(t, c)
				require.ErrorIs(t, err, remote.ErrKeyFile)
				require.ErrorContains(t, err, test.refusing)
				require.ErrorContains(t, err, "ssh-keygen -p -Z aes256-ctr -f "+key+", or use an agent: ssh-add "+key)
				keygen(t, "-p", "-Z", "aes256-ctr", "-a", "1", "-f", key, "-P", "open sesame", "-N", "open sesame")
			}
			dial(t, c)
		})
	}
}

func TestKeyFilesThatAreSomethingElse(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	key, err := os.ReadFile(c.KeyFile)
	require.NoError(t, err)
	public := ssh.MarshalAuthorizedKey(keyOf(t, c))
	wide := []byte{0xff, 0xfe}
	for _, b := range key {
		wide = append(wide, b, 0)
	}
	for name, test := range map[string]struct {
		data []byte
		says string
	}{
		"PuTTY":             {[]byte("PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n"), "it is a key of PuTTY: convert it: puttygen "},
		"byte order mark":   {append([]byte("\ufeff"), key...), "it begins with a byte order mark"},
		"UTF-16":            {wide, "it is text in UTF-16"},
		"public":            {public, "it is the public key: name the private one"},
		"public, RFC 4716":  {[]byte("---- BEGIN SSH2 PUBLIC KEY ----\n"), "it is the public key"},
		"public, PEM":       {[]byte("-----BEGIN PUBLIC KEY-----\n"), "it is the public key"},
		"of a security key": {securityKeyFile(t), "it belongs to a security key, which only an agent can use: ssh-add "},
	} {
		t.Run(name, func(t *testing.T) {
			c := c
			c.KeyFile = filepath.Join(t.TempDir(), "key")
			require.NoError(t, os.WriteFile(c.KeyFile, test.data, 0o600))
			err := dialError(t, c)
			require.ErrorIs(t, err, remote.ErrKeyFile)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestKeyFileWithLineEndsOfWindows(t *testing.T) {
	_, c := start(t, sshtest.Options{})
	key, err := os.ReadFile(c.KeyFile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(c.KeyFile, bytes.ReplaceAll(key, []byte("\n"), []byte("\r\n")), 0o600))
	dial(t, c)
}

// An agent that holds more keys than a server tries is no use, and a key that is given is offered before them.
func TestAnAgentWithTooManyKeys(t *testing.T) {
	server, c := openSSH(t, "MaxAuthTries 3")
	var keys []any
	for range 8 {
		_, _, private := sshtest.KeyFile(t, "")
		keys = append(keys, private)
	}
	given := c.KeyFile
	c.AgentSocket, c.KeyFile = serveAgent(t, keys...), ""
	err := dialError(t, c)
	require.ErrorIs(t, err, remote.ErrAuth)
	require.ErrorContains(t, err, "the server ended the connection after some of the 8 keys that were offered (MaxAuthTries): name the right one")
	require.NotContains(t, err.Error(), "SHA256:", "most of the keys were not tried")
	c.KeyFile = given
	dial(t, c)
	require.Equal(t, 1, server.Logged("Accepted publickey"))
}

const securityKeyType = "sk-ssh-ed25519@openssh.com"

// securityKey is an agent with the key of a security key: it signs as one does that was touched.
type securityKey struct {
	agent.Agent
	private ed25519.PrivateKey
}

// application is what the keys of SSH are for.
const application = "ssh:"

func (s securityKey) public() []byte {
	return ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{securityKeyType, s.private.Public().(ed25519.PublicKey), application})
}

func (s securityKey) List() ([]*agent.Key, error) {
	return []*agent.Key{{Format: securityKeyType, Blob: s.public()}}, nil
}

func (s securityKey) Sign(key ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	if !bytes.Equal(key.Marshal(), s.public()) {
		return nil, errors.New("no such key")
	}
	const touched, counter = 1, 7
	where, what := sha256.Sum256([]byte(application)), sha256.Sum256(data)
	rest := binary.BigEndian.AppendUint32([]byte{touched}, counter)
	signed := append(append(append([]byte{}, where[:]...), rest...), what[:]...)
	return &ssh.Signature{Format: securityKeyType, Blob: ed25519.Sign(s.private, signed), Rest: rest}, nil
}

func (s securityKey) SignWithFlags(key ssh.PublicKey, data []byte, _ agent.SignatureFlags) (*ssh.Signature, error) {
	return s.Sign(key, data)
}

func (s securityKey) Extension(string, []byte) ([]byte, error) {
	return nil, agent.ErrExtensionUnsupported
}

func newSecurityKey(t *testing.T) securityKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return securityKey{private: private}
}

func TestASecurityKeyInTheAgent(t *testing.T) {
	key := newSecurityKey(t)
	public, err := ssh.ParsePublicKey(key.public())
	require.NoError(t, err)
	server := sshtest.StartOpenSSH(t, public)
	dial(t, remote.Config{
		Address: server.Addr, User: server.User, KnownHosts: []string{server.KnownHosts}, AgentSocket: serveRing(t, key),
	})
	require.Equal(t, 1, server.Logged("ED25519-SK"), "%v", server.Log())
}

// securityKeyFile is the file that ssh-keygen -t ed25519-sk writes, up to the private part.
func securityKeyFile(t *testing.T) []byte {
	t.Helper()
	data := append([]byte("openssh-key-v1\x00"), ssh.Marshal(struct {
		Cipher, KDF, KDFOptions string
		Keys                    uint32
		Public, Private         []byte
	}{"none", "none", "", 1, newSecurityKey(t).public(), []byte("handle")})...)
	return pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: data})
}
