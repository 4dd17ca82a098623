package infra

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Authority is an environment's SSH certificate authority: it signs the host
// keys of the instances, so that one known_hosts line knows them all, and a
// replaced one too.
type Authority struct {
	environment string
	signer      ssh.Signer
}

// OpenAuthority reads the environment's CA key from a file, and makes both where
// there is none. The file is 0600 and belongs outside the repository: whoever has
// it can pass for any instance of the environment.
func OpenAuthority(environment, path string) (*Authority, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		content, err = makeAuthority(environment, path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the SSH CA of %s: %w", environment, err)
	}
	if err := onlyMine(path); err != nil {
		return nil, fmt.Errorf("open the SSH CA of %s: %w", environment, err)
	}
	signer, err := ssh.ParsePrivateKey(content)
	if err != nil {
		return nil, fmt.Errorf("open the SSH CA of %s: %s: %w", environment, path, err)
	}
	return &Authority{environment, signer}, nil
}

func onlyMine(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("others may read %s: chmod 600 %s", path, path)
	}
	return err
}

// makeAuthority never overwrites: two who make one at once end with one.
func makeAuthority(environment, path string) ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "CA of "+environment)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	content := pem.EncodeToMemory(block)
	_, err = file.Write(content)
	return content, errors.Join(err, file.Close())
}

// KnownHosts is the line that trusts the CA for the addresses of the
// environment's VPC, and for no others. The range is whole octets, as 10.20.0.0/16
// is: known_hosts knows patterns and no masks.
func (a *Authority) KnownHosts(vpc netip.Prefix) (string, error) {
	if !vpc.Addr().Is4() || vpc.Bits()%8 != 0 || vpc.Bits() == 0 {
		return "", fmt.Errorf("write a known_hosts line for %s: want an IPv4 range of whole octets such as 10.20.0.0/16", vpc)
	}
	octets := strings.Split(vpc.Addr().String(), ".")
	pattern := strings.Join(octets[:vpc.Bits()/8], ".") + strings.Repeat(".*", min(1, 4-vpc.Bits()/8))
	key := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(a.signer.PublicKey())))
	return fmt.Sprintf("@cert-authority %s %s CA of %s", pattern, key, a.environment), nil
}

// HostKey is what an instance's SSH server shows.
type HostKey struct {
	// Name is the instance's, and Address the one it is dialed at.
	Name, Address string
	// Private is the key in OpenSSH's format. It is secret.
	Private []byte
	// Certificate is a line that says the CA vouches for the key at Address.
	Certificate []byte
}

// String names the key and holds nothing secret.
func (k HostKey) String() string { return fmt.Sprintf("host key of %s at %s", k.Name, k.Address) }

// GoString is String.
func (k HostKey) GoString() string { return k.String() }

// SignHost makes a new host key for an instance and certifies it for the address
// it is dialed at. valid is how long the certificate holds from now; zero: for
// ever, until an @revoked line or another CA ends it.
func (a *Authority) SignHost(name, address string, valid time.Duration) (HostKey, error) {
	failed := func(err error) (HostKey, error) {
		return HostKey{}, fmt.Errorf("sign a host key for %s at %s: %w", name, address, err)
	}
	if _, err := netip.ParseAddr(address); err != nil {
		return failed(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return failed(err)
	}
	block, err := ssh.MarshalPrivateKey(private, name)
	if err != nil {
		return failed(err)
	}
	certificate, err := a.certify(public, name, address, valid)
	if err != nil {
		return failed(err)
	}
	return HostKey{Name: name, Address: address, Private: pem.EncodeToMemory(block), Certificate: certificate}, nil
}

func (a *Authority) certify(public ed25519.PublicKey, name, address string, valid time.Duration) ([]byte, error) {
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	certificate := &ssh.Certificate{
		Key: key, CertType: ssh.HostCert, KeyId: a.environment + "/" + name,
		ValidPrincipals: []string{address},
		Serial:          uint64(now.UnixNano()),
		// Clocks of clients may be behind.
		ValidAfter:  uint64(now.Add(-time.Hour).Unix()),
		ValidBefore: ssh.CertTimeInfinity,
	}
	if valid > 0 {
		certificate.ValidBefore = uint64(now.Add(valid).Unix())
	}
	if err := certificate.SignCert(rand.Reader, a.signer); err != nil {
		return nil, err
	}
	return ssh.MarshalAuthorizedKey(certificate), nil
}

// WriteParameter writes the input of `aws ssm put-parameter --cli-input-json` to
// a new file, 0600: the key goes to where the instance's first boot fetches it
// without being an argument of anything. prefix begins the names of the environment's
// parameters, such as /orders-api/live: the key is PREFIX/ssh-host/INSTANCE.
func (k HostKey) WriteParameter(path, prefix string) error {
	input := map[string]any{
		"Name": strings.TrimSuffix(prefix, "/") + "/ssh-host/" + k.Name, "Type": "SecureString", "Overwrite": true,
		"Value": string(k.Private) + string(k.Certificate),
	}
	content, err := json.Marshal(input)
	if err != nil {
		return fmt.Errorf("write the %s: %w", k, err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the %s: %w", k, err)
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the %s: %w", k, err)
	}
	return nil
}
