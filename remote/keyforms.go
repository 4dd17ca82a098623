package remote

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// unsupported returns what a key file holds and what to do, if that is not a private key that the ssh package reads. It
// returns the empty string if it cannot tell.
func unsupported(path string, data []byte) (remedy string) {
	text := string(data)
	switch {
	case hasPrefix(text, "\xff\xfe", "\xfe\xff"):
		return "it is text in UTF-16, as PowerShell writes it: save it as ASCII"
	case hasPrefix(text, "\xef\xbb\xbf"):
		return "it begins with a byte order mark: save it as UTF-8 without one"
	case hasPrefix(text, "PuTTY-User-Key-File-"):
		return fmt.Sprintf("it is a key of PuTTY: convert it: puttygen %s -O private-openssh -o NEW", path)
	case hasPrefix(text, "ssh-", "ecdsa-", "sk-", "---- BEGIN SSH2 PUBLIC KEY"), strings.Contains(text, "BEGIN PUBLIC KEY"):
		return "it is the public key: name the private one, which has no .pub at the end"
	}
	block, _ := pem.Decode(data)
	switch {
	case block == nil:
		return ""
	case block.Type == "ENCRYPTED PRIVATE KEY":
		return "it is encrypted in the form PKCS #8, which cannot be read here: " + rewrite(path)
	case block.Type == "OPENSSH PRIVATE KEY":
		return unsupportedOpenSSH(path, block.Bytes)
	}
	return ""
}

// unsupportedOpenSSH is unsupported for a key in OpenSSH's own form, whose cipher and public key can be read without the
// passphrase.
func unsupportedOpenSSH(path string, data []byte) (remedy string) {
	const magic = "openssh-key-v1\x00"
	var header struct {
		Cipher, KDF, KDFOptions string
		Keys                    uint32
		Public                  []byte
		Rest                    []byte `ssh:"rest"`
	}
	if !bytes.HasPrefix(data, []byte(magic)) || ssh.Unmarshal(data[len(magic):], &header) != nil {
		return ""
	}
	var public struct {
		Type string
		Rest []byte `ssh:"rest"`
	}
	switch err := ssh.Unmarshal(header.Public, &public); {
	case err == nil && strings.HasPrefix(public.Type, "sk-"):
		return fmt.Sprintf("it belongs to a security key, which only an agent can use: ssh-add %s, and give no key file", path)
	case header.Cipher == "none", header.Cipher == "aes256-ctr", header.Cipher == "aes256-cbc":
		return ""
	}
	return fmt.Sprintf("it is encrypted with %s, which cannot be read here: %s", header.Cipher, rewrite(path))
}

// rewrite is the remedy for a key that OpenSSH reads.
func rewrite(path string) string {
	return fmt.Sprintf("write it anew: ssh-keygen -p -Z aes256-ctr -f %s, or use an agent: ssh-add %s", path, path)
}

func hasPrefix(text string, prefixes ...string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}
