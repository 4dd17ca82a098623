package infra_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/growl-dev/deploy/infra"
)

func authority(t *testing.T) (*infra.Authority, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys", "ca")
	ca, err := infra.OpenAuthority("dev", path)
	require.NoError(t, err)
	return ca, path
}

// trusts checks a certificate like an SSH client that has only the line.
func trusts(t *testing.T, line, address string, certificate []byte) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(file, []byte(line+"\n"), 0o600))
	check, err := knownhosts.New(file)
	require.NoError(t, err)
	key, _, _, _, err := ssh.ParseAuthorizedKey(certificate)
	require.NoError(t, err)
	return check(net.JoinHostPort(address, "22"), &net.TCPAddr{IP: net.IPv4zero}, key)
}

func TestOneLineCoversEveryInstance(t *testing.T) {
	ca, _ := authority(t)
	line, err := ca.KnownHosts(netip.MustParsePrefix("10.20.0.0/16"))
	require.NoError(t, err)
	for n := range 3 {
		address := fmt.Sprintf("10.20.%d.11", n)
		key, err := ca.SignHost("one", address, 0)
		require.NoError(t, err)
		require.NoError(t, trusts(t, line, address, key.Certificate))
		require.Error(t, trusts(t, line, "10.20.9.9", key.Certificate), "it is for its own address")
		require.Error(t, trusts(t, line, "10.30.0.11", key.Certificate), "the line is for one environment")
	}
}

func TestAnotherAuthorityIsNotTrusted(t *testing.T) {
	ca, _ := authority(t)
	other, _ := authority(t)
	line, err := ca.KnownHosts(netip.MustParsePrefix("10.20.0.0/16"))
	require.NoError(t, err)
	key, err := other.SignHost("one", "10.20.0.11", 0)
	require.NoError(t, err)
	require.Error(t, trusts(t, line, "10.20.0.11", key.Certificate))
}

func TestCertificatesEnd(t *testing.T) {
	ca, _ := authority(t)
	line, err := ca.KnownHosts(netip.MustParsePrefix("10.20.0.0/16"))
	require.NoError(t, err)
	key, err := ca.SignHost("one", "10.20.0.11", time.Hour)
	require.NoError(t, err)
	require.NoError(t, trusts(t, line, "10.20.0.11", key.Certificate))
	parsed, _, _, _, err := ssh.ParseAuthorizedKey(key.Certificate)
	require.NoError(t, err)
	ends := time.Unix(int64(parsed.(*ssh.Certificate).ValidBefore), 0)
	assert.WithinDuration(t, time.Now().Add(time.Hour), ends, time.Minute)
}

func TestTheAuthorityIsKept(t *testing.T) {
	ca, path := authority(t)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, err := infra.OpenAuthority("dev", path)
	require.NoError(t, err)
	vpc := netip.MustParsePrefix("10.20.0.0/16")
	first, err := ca.KnownHosts(vpc)
	require.NoError(t, err)
	second, err := again.KnownHosts(vpc)
	require.NoError(t, err)
	assert.Equal(t, first, second)
}

func TestAnAuthorityThatOthersReadIsRefused(t *testing.T) {
	_, path := authority(t)
	require.NoError(t, os.Chmod(path, 0o644))
	_, err := infra.OpenAuthority("dev", path)
	require.ErrorContains(t, err, "chmod 600")
}

func TestAnUnreadableAuthorityIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca")
	require.NoError(t, os.WriteFile(path, []byte("no key"), 0o600))
	_, err := infra.OpenAuthority("dev", path)
	require.ErrorContains(t, err, path)
}

func TestKnownHostsRefusesARangeWithoutAPattern(t *testing.T) {
	ca, _ := authority(t)
	for _, vpc := range []string{"10.20.0.0/20", "0.0.0.0/0", "fd00::/8"} {
		_, err := ca.KnownHosts(netip.MustParsePrefix(vpc))
		require.Error(t, err, vpc)
	}
}

func TestSignHostRefusesANameForAnAddress(t *testing.T) {
	ca, _ := authority(t)
	_, err := ca.SignHost("one", "one.example", 0)
	require.ErrorContains(t, err, "one.example")
}

func TestAHostKeyDoesNotPrintItself(t *testing.T) {
	ca, _ := authority(t)
	key, err := ca.SignHost("one", "10.20.0.11", 0)
	require.NoError(t, err)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.NotContains(t, fmt.Sprintf(format, key), "PRIVATE KEY")
	}
}

// TestAnInstanceShowsItsCertificate covers the whole way of a key: it is signed here, written to the parameter that the
// instance reads, and installed by the script that first boot runs.
func TestAnInstanceShowsItsCertificate(t *testing.T) {
	needs(t, "ssh-keygen")
	ca, _ := authority(t)
	i := newInstance(t)
	key, err := ca.SignHost("one", "10.20.0.11", 0)
	require.NoError(t, err)
	file := filepath.Join(i.dir, "input.json")
	require.NoError(t, key.WriteParameter(file, "/growl-backend/dev"))
	require.Error(t, key.WriteParameter(file, "/growl-backend/dev"), "it overwrote a file")

	var input struct{ Name, Value string }
	require.NoError(t, json.Unmarshal([]byte(i.read("input.json")), &input))
	assert.Equal(t, "/growl-backend/dev/ssh-host/one", input.Name)
	i.write("parameter", input.Value+"\n", 0o600)
	i.write("fail-parameter", "2\n", 0o600)
	out, err := i.exec("../growl-backend/terraform/host-key.sh", input.Name, "us-west-1")
	require.NoError(t, err, out)

	signer, err := ssh.ParsePrivateKey([]byte(i.read("ssh_host_ed25519_key")))
	require.NoError(t, err)
	certificate, _, _, _, err := ssh.ParseAuthorizedKey([]byte(i.read("ssh_host_ed25519_key-cert.pub")))
	require.NoError(t, err)
	shown, err := ssh.NewCertSigner(certificate.(*ssh.Certificate), signer)
	require.NoError(t, err, "key and certificate belong together")
	signature, err := shown.Sign(rand.Reader, []byte("session"))
	require.NoError(t, err)
	require.NoError(t, signer.PublicKey().Verify([]byte("session"), signature))
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(i.read("ssh_host_ed25519_key.pub")))
	require.NoError(t, err)
	assert.Equal(t, signer.PublicKey().Marshal(), public.Marshal())
	assert.Contains(t, i.read("calls"), "systemctl restart sshd")
}

func TestAnInstanceKeepsItsKeyWhenTheParameterIsNone(t *testing.T) {
	i := newInstance(t)
	i.write("ssh_host_ed25519_key", "its own", 0o600)
	i.write("parameter", "something else\n", 0o600)
	out, err := i.exec("../growl-backend/terraform/host-key.sh", "/p", "us-west-1")
	require.Error(t, err)
	assert.Contains(t, out, "does not hold a key")
	assert.Equal(t, "its own", i.read("ssh_host_ed25519_key"))
	assert.NotContains(t, i.read("calls"), "restart")
}
