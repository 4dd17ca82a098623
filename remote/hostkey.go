package remote

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// minRSA is the size of the smallest RSA key that is accepted, in bits.
const minRSA = 2048

// hostKeys checks servers against known_hosts files.
type hostKeys struct {
	lines   []knownLine
	remarks []string
	files   []string
}

func newHostKeys(files []string) (*hostKeys, error) {
	lines, remarks, err := readKnownHosts(files)
	if err != nil {
		return nil, err
	}
	return &hostKeys{lines, remarks, files}, nil
}

// of returns the lines of a server. Without a line for its port, those of the host's standard port count, as they do for
// OpenSSH, and exact is false: another key than theirs is unknown and not changed.
func (h *hostKeys) of(a address) (lines []knownLine, exact bool) {
	if lines = h.named(knownName(a)); len(lines) > 0 {
		return lines, true
	}
	return h.named(strings.ToLower(a.host)), false
}

func (h *hostKeys) named(name string) (lines []knownLine) {
	for _, l := range h.lines {
		if l.is(name) {
			lines = append(lines, l)
		}
	}
	return lines
}

// algorithms returns the host key algorithms to offer, best first: certificates if an authority is known, then the
// types of the host's own lines, because a server that shows a key of another type would look changed. The other plain
// types follow, so that a server which lost its known key can be distinguished from one that has no algorithm in
// common.
func (h *hostKeys) algorithms(a address) []string {
	supported := ssh.SupportedAlgorithms().HostKeys
	lines, _ := h.of(a)
	var algorithms []string
	if len(marked(lines, markedAuthority)) > 0 {
		algorithms = slices.DeleteFunc(slices.Clone(supported), isPlain)
	}
	var known []string
	for _, l := range marked(lines, "") {
		if l.key.Type() == ssh.KeyAlgoRSA {
			known = append(known, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		}
		known = append(known, l.key.Type())
	}
	for _, algorithm := range slices.Concat(known, supported) {
		if isPlain(algorithm) && slices.Contains(supported, algorithm) && !slices.Contains(algorithms, algorithm) {
			algorithms = append(algorithms, algorithm)
		}
	}
	return algorithms
}

// isPlain reports whether an algorithm is a key's and not a certificate's, which is named TYPE-cert-v01@openssh.com.
func isPlain(algorithm string) bool { return !strings.Contains(algorithm, "-cert-v") }

// check returns nil or a *HostKeyError.
func (h *hostKeys) check(a address, key ssh.PublicKey) error {
	lines, exact := h.of(a)
	refused := &HostKeyError{
		Host:        knownName(a),
		Fingerprint: ssh.FingerprintSHA256(plain(key)),
		Type:        key.Type(),
		File:        h.files[0],
	}
	if by, revoked := revocation(marked(lines, markedRevoked), key); revoked {
		return refused.revoked(by)
	}
	if bits := rsaBits(key); bits > 0 && bits < minRSA {
		refused.Kind = ErrHostKeyInvalid
		refused.Reason = fmt.Sprintf("it is an RSA key of %d bits, and fewer than %d are not accepted: make another host key (ssh-keygen -A) on the server", bits, minRSA)
		return refused
	}
	own, authorities := marked(lines, ""), marked(lines, markedAuthority)
	cert, certified := key.(*ssh.Certificate)
	if certified {
		if _, known := withKey(authorities, cert.SignatureKey); known {
			return refused.unlessValid(a, cert)
		}
	}
	if _, known := withKey(own, plain(key)); known {
		return nil
	}
	switch {
	case certified && len(authorities) > 0:
		refused.Kind = ErrHostKeyChanged
		refused.Reason = fmt.Sprintf("its certificate is signed by %s, which is no @cert-authority of %s in %s",
			ssh.FingerprintSHA256(cert.SignatureKey), a.host, refused.File)
		return refused
	case len(authorities) > 0:
		return refused.uncertified(authorities[0])
	case len(own) > 0 && exact:
		return refused.changed(own[0])
	}
	return refused.unknown(a, h.remarks)
}

// revocation returns the line that revokes a key, or the authority of its certificate.
func revocation(revoked []knownLine, key ssh.PublicKey) (by knownLine, found bool) {
	if by, found = withKey(revoked, plain(key)); found {
		return by, true
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		return withKey(revoked, cert.SignatureKey)
	}
	return by, false
}

// plain returns the key itself, without the certificate around it.
func plain(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// rsaBits returns the size of an RSA key in bits, and 0 for any other key.
func rsaBits(key ssh.PublicKey) int {
	if holder, ok := plain(key).(ssh.CryptoPublicKey); ok {
		if key, ok := holder.CryptoPublicKey().(*rsa.PublicKey); ok {
			return key.N.BitLen()
		}
	}
	return 0
}

func (e *HostKeyError) revoked(by knownLine) error {
	e.Kind, e.File, e.Line = ErrHostKeyInvalid, by.file, by.number
	e.Reason = fmt.Sprintf("%s line %d revokes it", by.file, by.number)
	return e
}

// unlessValid checks a certificate of a known authority.
func (e *HostKeyError) unlessValid(a address, cert *ssh.Certificate) error {
	checker := &ssh.CertChecker{}
	err := checker.CheckCert(a.host, cert)
	if cert.CertType != ssh.HostCert {
		err = errors.New("it is a user's certificate")
	}
	if err == nil {
		return nil
	}
	e.Kind = ErrHostKeyInvalid
	e.Reason = fmt.Sprintf("its certificate is not valid: %s: sign its host key again", strings.TrimPrefix(err.Error(), "ssh: "))
	return e
}

func (e *HostKeyError) unknown(a address, remarks []string) error {
	e.Kind = ErrHostKeyUnknown
	e.Reason = fmt.Sprintf("compare it with the instance's console output, then add it to %s: ssh-keyscan -p %s %s >> %s", e.File, a.port, a.host, e.File)
	if len(remarks) > 0 {
		e.Reason += "; " + strings.Join(remarks, "; ")
	}
	return e
}

func (e *HostKeyError) uncertified(authority knownLine) error {
	e.Kind, e.File, e.Line = ErrHostKeyChanged, authority.file, authority.number
	e.Reason = fmt.Sprintf("%s line %d wants a certificate of authority %s and the server shows none",
		e.File, e.Line, ssh.FingerprintSHA256(authority.key))
	return e
}

func (e *HostKeyError) changed(known knownLine) error {
	e.Kind, e.File, e.Line = ErrHostKeyChanged, known.file, known.number
	e.Reason = fmt.Sprintf("%s line %d wants %s: either the instance was replaced or somebody listens in: compare it with the instance's console output, and only then: ssh-keygen -f %s -R '%s'",
		e.File, e.Line, ssh.FingerprintSHA256(known.key), e.File, e.Host)
	return e
}
