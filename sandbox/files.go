package sandbox

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// The files of an environment, in its folder.
const (
	fleetFile      = "fleet.json"
	keyFile        = "id_ed25519"
	knownHostsFile = "known_hosts"
	machinesDir    = "instances"
)

// openDir opens the folder for the environment's files, or makes a temporary one if given is empty. At the end the files
// are removed.
func (e *Environment) openDir(given string) error {
	if given == "" {
		dir, err := os.MkdirTemp("", "sandbox-")
		if err != nil {
			return fmt.Errorf("make the sandbox's folder: %w", err)
		}
		e.dir = dir
		e.cleanup.add(func() error { return removeAll(dir) })
		return nil
	}
	dir, err := filepath.Abs(given)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("make the sandbox's folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("open the sandbox's folder: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("open the sandbox's folder %s: it is not empty: name an empty one or remove %s", dir, entries[0].Name())
	}
	e.dir = dir
	e.cleanup.add(func() error { return emptyDir(dir) })
	return nil
}

// emptyDir removes everything in a folder, because the folder was empty when it was opened.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	faults := []error{err}
	for _, entry := range entries {
		faults = append(faults, removeAll(filepath.Join(dir, entry.Name())))
	}
	return errors.Join(faults...)
}

// removeAll removes a folder, also if an image's files made parts of it unwritable.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the sandbox's folder: %w", err)
	}
	return nil
}

// path returns the path of a file of the environment.
func (e *Environment) path(name string) string { return filepath.Join(e.dir, name) }

// newKey makes an SSH key.
func newKey() (ssh.Signer, ed25519.PrivateKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make SSH key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("make SSH key: %w", err)
	}
	return signer, private, nil
}

// writeKey makes the client's key, writes it to a file of mode 0600 and returns its public half.
func writeKey(path string) (ssh.PublicKey, error) {
	signer, private, err := newKey()
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "sandbox")
	if err != nil {
		return nil, fmt.Errorf("write SSH key: %w", err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, fmt.Errorf("write SSH key: %w", err)
	}
	return signer.PublicKey(), nil
}

// certified returns a new host key with a certificate of the authority's.
func certified(authority ssh.Signer) (ssh.Signer, error) {
	key, _, err := newKey()
	if err != nil {
		return nil, err
	}
	certificate := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.HostCert, KeyId: "sandbox",
		ValidPrincipals: []string{"127.0.0.1"}, ValidBefore: ssh.CertTimeInfinity,
	}
	if err := certificate.SignCert(rand.Reader, authority); err != nil {
		return nil, fmt.Errorf("sign a host key: %w", err)
	}
	return ssh.NewCertSigner(certificate, key)
}

// writeKnownHosts writes the known_hosts file: the host key of each machine, or only the authority that signed them all.
func writeKnownHosts(path string, machines []*machine, authority ssh.Signer) error {
	var lines strings.Builder
	if authority != nil {
		fmt.Fprintf(&lines, "@cert-authority * %s", ssh.MarshalAuthorizedKey(authority.PublicKey()))
	} else {
		for _, m := range machines {
			fmt.Fprintln(&lines, knownhosts.Line([]string{m.Addr()}, m.HostKey()))
		}
	}
	if err := os.WriteFile(path, []byte(lines.String()), 0o644); err != nil {
		return fmt.Errorf("write known hosts: %w", err)
	}
	return nil
}

// unixPath reports whether a path is short enough for a socket. The limit is 104 bytes on macOS and 108 on Linux, with
// the closing zero.
func unixPath(path string) bool { return len(path) < 104 }

// listenUnix opens a socket that only this user can connect to.
func listenUnix(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on the engine's socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("listen on the engine's socket: %w", err)
	}
	return l, nil
}
