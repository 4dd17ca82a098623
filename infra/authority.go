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

// Authority is an environment's SSH certificate authority. It signs the host keys of the instances, so that one
// known_hosts line covers them all, also an instance that replaces another.
type Authority struct {
	environment string
	signer      ssh.Signer
}

// OpenAuthority reads the environment's CA key from a file, and makes both if the file does not exist. The file has
// mode 0600 and belongs outside the repository, because whoever has it can impersonate any instance of the environment.
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

// makeAuthority never overwrites a file, so that two processes that make a CA at the same time end with the same one.
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

// KnownHosts returns the known_hosts line that trusts the CA for the addresses of the environment's VPC, and for no
// others. The range must be whole octets, such as 10.20.0.0/16, because known_hosts has patterns but no masks.
func (a *Authority) KnownHosts(vpc netip.Prefix) (string, error) {
	if !vpc.Addr().Is4() || vpc.Bits()%8 != 0 || vpc.Bits() == 0 {
		return "", fmt.Errorf("write a known_hosts line for %s: want an IPv4 range of whole octets such as 10.20.0.0/16", vpc)
	}
	octets := strings.Split(vpc.Addr().String(), ".")
	pattern := strings.Join(octets[:vpc.Bits()/8], ".") + strings.Repeat(".*", min(1, 4-vpc.Bits()/8))
	key := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(a.signer.PublicKey())))
	return fmt.Sprintf("@cert-authority %s %s CA of %s", pattern, key, a.environment), nil
}

// HostKey is the host key of an instance's SSH server, with its certificate.
type HostKey struct {
	// Name is the instance's name, and Address the address that clients dial.
	Name, Address string
	// Private is the key in OpenSSH's format. It is secret.
	Private []byte
	// Certificate is the line with which the CA certifies the key for Address.
	Certificate []byte
}

// String names the key and contains nothing secret.
func (k HostKey) String() string { return fmt.Sprintf("host key of %s at %s", k.Name, k.Address) }

// GoString returns the same as String.
func (k HostKey) GoString() string { return k.String() }

// SignHost makes a new host key for an instance and certifies it for the address that clients dial. valid is the time
// that the certificate is valid from now; zero: without limit, until an @revoked line or another CA ends it.
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
		// The clock of a client may be slow.
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

// WriteParameter writes the input of `aws ssm put-parameter --cli-input-json` to a new file, 0600, so that the key
// never is an argument of a command. The instance's first boot reads the parameter. Its name is
// PREFIX/ssh-host/INSTANCE, where prefix is that of the environment's parameters, such as /orders-api/live.
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
