package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// certified returns the key with the certificate in KEY-cert.pub, and the key alone after it, as ssh offers them. If that
// certificate is there and of no use, note says why, because a login may fail for that.
func certified(path string, key ssh.Signer, now time.Time) (signers []ssh.Signer, note string) {
	signers = []ssh.Signer{key}
	file := path + "-cert.pub"
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return signers, ""
	}
	if err != nil {
		return signers, "the certificate cannot be read: " + err.Error()
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return signers, fmt.Sprintf("the certificate %s cannot be read: %v", file, err)
	}
	cert, ok := public.(*ssh.Certificate)
	if !ok {
		return signers, file + " is no certificate"
	}
	signer, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		return signers, fmt.Sprintf("the certificate %s is of another key", file)
	}
	if fault := useless(cert, now); fault != "" {
		return signers, fmt.Sprintf("the certificate %s %s: have the key signed again", file, fault)
	}
	return []ssh.Signer{signer, key}, ""
}

// useless returns why a certificate lets nobody in now; empty if it may.
func useless(cert *ssh.Certificate, now time.Time) string {
	seconds := uint64(max(0, now.Unix()))
	at := func(seconds uint64) string { return time.Unix(int64(seconds), 0).UTC().Format("2006-01-02 15:04 MST") }
	switch {
	case cert.CertType != ssh.UserCert:
		return "is a host's"
	case seconds >= cert.ValidBefore && cert.ValidBefore != ssh.CertTimeInfinity:
		return "expired at " + at(cert.ValidBefore)
	case seconds < cert.ValidAfter:
		return "is not valid before " + at(cert.ValidAfter)
	}
	return ""
}

// described returns the fingerprint of a key, and for which users its certificate is.
func described(key ssh.PublicKey) string {
	text := ssh.FingerprintSHA256(plain(key))
	if cert, ok := key.(*ssh.Certificate); ok {
		text += " (with a certificate for " + strings.Join(cert.ValidPrincipals, ", ") + ")"
	}
	return text
}
