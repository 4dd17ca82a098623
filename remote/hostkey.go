package remote

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// hostKeys checks servers against known_hosts files.
type hostKeys struct {
	db    *knownhosts.HostKeyDB
	files []string
}

func newHostKeys(files []string) (*hostKeys, error) {
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w: host keys are always checked: ssh-keyscan writes such a file", ErrKnownHosts, err)
	}
	return &hostKeys{db, files}, nil
}

// algorithms returns the host key algorithms to offer, best first: certificates if an authority is known, then the
// types of the host's own lines, because a server that shows a key of another type would look changed. The other plain
// types follow, so that a server which lost its known key can be distinguished from one that has no algorithm in
// common.
//
// A certificate's type is that of the host's key. The library would request the authority's.
func (h *hostKeys) algorithms(a address) []string {
	supported := ssh.SupportedAlgorithms().HostKeys
	var algorithms []string
	if len(h.authorities(a)) > 0 {
		algorithms = slices.DeleteFunc(slices.Clone(supported), isPlain)
	}
	for _, algorithm := range slices.Concat(h.db.HostKeyAlgorithms(a.String()), supported) {
		if isPlain(algorithm) && slices.Contains(supported, algorithm) && !slices.Contains(algorithms, algorithm) {
			algorithms = append(algorithms, algorithm)
		}
	}
	return algorithms
}

// isPlain reports whether an algorithm is a key's and not a certificate's, which is named TYPE-cert-v01@openssh.com.
func isPlain(algorithm string) bool { return !strings.Contains(algorithm, "-cert-v") }

// nowhere stands for the peer's address, because hosts are checked by the name that was dialed, and a stream through a
// proxy has no address to look up.
var nowhere = &net.TCPAddr{IP: net.IPv4zero}

// check returns nil or a *HostKeyError.
func (h *hostKeys) check(a address, key ssh.PublicKey) error {
	err := h.db.HostKeyCallback()(a.String(), nowhere, key)
	if err == nil {
		return nil
	}
	refused := &HostKeyError{
		Host:        knownhosts.Normalize(a.String()),
		Fingerprint: ssh.FingerprintSHA256(plain(key)),
		Type:        key.Type(),
		File:        h.files[0],
	}
	if revoked, ok := errors.AsType[*xknownhosts.RevokedError](err); ok {
		return refused.revoked(revoked.Revoked)
	}
	if mismatch, ok := errors.AsType[*xknownhosts.KeyError](err); ok {
		return refused.mismatch(a, mismatch.Want, h.authorities(a))
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		return refused.certificate(a, cert, h.authorities(a), err)
	}
	refused.Kind, refused.Reason = ErrHostKeyInvalid, err.Error()
	return refused
}

// authorities returns the keys of the @cert-authority lines for a host.
func (h *hostKeys) authorities(a address) []ssh.PublicKey {
	var authorities []ssh.PublicKey
	for _, key := range h.db.HostKeys(a.String()) {
		if key.Cert {
			authorities = append(authorities, key.PublicKey)
		}
	}
	return authorities
}

// plain returns the key itself, without the certificate around it.
func plain(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

func (e *HostKeyError) revoked(by xknownhosts.KnownKey) error {
	e.Kind, e.File, e.Line = ErrHostKeyInvalid, by.Filename, by.Line
	e.Reason = fmt.Sprintf("%s line %d revokes it", by.Filename, by.Line)
	return e
}

func (e *HostKeyError) mismatch(a address, want []xknownhosts.KnownKey, authorities []ssh.PublicKey) error {
	if len(want) == 0 {
		e.Kind = ErrHostKeyUnknown
		e.Reason = fmt.Sprintf("compare it with the instance's console output, then add it to %s: ssh-keyscan -p %s %s >> %s", e.File, a.port, a.host, e.File)
		return e
	}
	e.Kind, e.File, e.Line = ErrHostKeyChanged, want[0].Filename, want[0].Line
	if len(authorities) > 0 {
		e.Reason = fmt.Sprintf("%s line %d wants a certificate of authority %s and the server shows none",
			e.File, e.Line, ssh.FingerprintSHA256(want[0].Key))
		return e
	}
	e.Reason = fmt.Sprintf("%s line %d wants %s: either the instance was replaced or somebody listens in: compare it with the instance's console output, and only then: ssh-keygen -f %s -R '%s'",
		e.File, e.Line, ssh.FingerprintSHA256(want[0].Key), e.File, e.Host)
	return e
}

func (e *HostKeyError) certificate(a address, cert *ssh.Certificate, authorities []ssh.PublicKey, err error) error {
	known := slices.ContainsFunc(authorities, func(key ssh.PublicKey) bool {
		return string(key.Marshal()) == string(cert.SignatureKey.Marshal())
	})
	if known {
		e.Kind = ErrHostKeyInvalid
		e.Reason = fmt.Sprintf("its certificate is not valid: %v", err)
		return e
	}
	e.Kind = ErrHostKeyChanged
	e.Reason = fmt.Sprintf("its certificate is signed by %s, which is no @cert-authority of %s in %s",
		ssh.FingerprintSHA256(cert.SignatureKey), a.host, e.File)
	return e
}
