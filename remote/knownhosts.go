package remote

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// The markers of a known_hosts line. A line without one holds a host's own key.
const (
	markedAuthority = "cert-authority"
	markedRevoked   = "revoked"
)

// knownLine is a line of a known_hosts file.
type knownLine struct {
	marker string
	hosts  []string // patterns, or one hashed name
	key    ssh.PublicKey
	file   string
	number int
}

// readKnownHosts reads files as OpenSSH reads them: a line that cannot be read is skipped, and remarks name it. That is an
// error if the line revokes a key, or if nothing else is in the file.
func readKnownHosts(files []string) (lines []knownLine, remarks []string, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w: host keys are always checked: ssh-keyscan writes such a file", ErrKnownHosts, err)
		}
		read, skipped, err := parseKnownHosts(file, string(text))
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrKnownHosts, err)
		}
		lines, remarks = append(lines, read...), append(remarks, skipped...)
	}
	return lines, remarks, nil
}

func parseKnownHosts(file, text string) (lines []knownLine, remarks []string, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		read, err := parseKnownLine(line)
		switch {
		case err == nil:
			read.file, read.number = file, number
			lines = append(lines, read)
		case strings.HasPrefix(line, "@"+markedRevoked):
			return nil, nil, fmt.Errorf("%s line %d cannot be read, and would revoke a key: %w: correct it, or remove it", file, number, err)
		default:
			remarks = append(remarks, fmt.Sprintf("%s line %d was skipped, because it cannot be read: %v", file, number, err))
		}
	}
	if len(lines) == 0 && len(remarks) > 0 {
		return nil, nil, fmt.Errorf("%s holds no line that can be read: %s", file, remarks[0])
	}
	return lines, remarks, nil
}

func parseKnownLine(line string) (knownLine, error) {
	marker, hosts, key, _, _, err := ssh.ParseKnownHosts([]byte(line))
	switch {
	case err != nil && len(strings.Fields(line)) < 3:
		err = errors.New("it has too few words")
	case err != nil:
		err = errors.New(strings.TrimPrefix(err.Error(), "ssh: "))
	case marker != "" && marker != markedAuthority && marker != markedRevoked:
		err = fmt.Errorf("the marker @%s is unknown", marker)
	case strings.HasPrefix(hosts[0], "|"):
		_, _, err = parseHashed(hosts[0])
	}
	return knownLine{marker: marker, hosts: hosts, key: key}, err
}

// is reports whether the line is of a host, whose name is in the form that known_hosts has.
func (l knownLine) is(name string) bool {
	if strings.HasPrefix(l.hosts[0], "|") {
		salt, hash, err := parseHashed(l.hosts[0])
		return err == nil && hmac.Equal(hash, hashed(name, salt))
	}
	found := false
	for _, pattern := range l.hosts {
		negated := strings.HasPrefix(pattern, "!")
		if !matches(strings.ToLower(strings.TrimPrefix(pattern, "!")), name) {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

// parseHashed parses a hashed name, |1|SALT|HASH.
func parseHashed(text string) (salt, hash []byte, err error) {
	parts := strings.Split(text, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return nil, nil, errors.New("the hashed name is not |1|SALT|HASH")
	}
	salt, err = base64.StdEncoding.DecodeString(parts[2])
	if err == nil {
		hash, err = base64.StdEncoding.DecodeString(parts[3])
	}
	if err == nil && (len(salt) != sha1.Size || len(hash) != sha1.Size) {
		err = errors.New("salt or hash is too short or too long")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the hashed name: %w", err)
	}
	return salt, hash, nil
}

func hashed(name string, salt []byte) []byte {
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return mac.Sum(nil)
}

// matches reports whether a pattern with * and ? describes a name. It compares bytes, as OpenSSH does, and brackets have
// no meaning.
func matches(pattern, name string) bool {
	p, star, until := 0, -1, 0 // star is the last *, and until the end of what it stands for
	for n := 0; n < len(name); {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, until = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p, n = p+1, n+1
		case star >= 0:
			until++
			p, n = star+1, until
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// knownName returns the name of a server in known_hosts: host, or [host]:port.
func knownName(a address) string { return knownhosts.Normalize(strings.ToLower(a.String())) }

// sameKey reports whether two keys are the same.
func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// marked returns the lines with a marker.
func marked(lines []knownLine, marker string) []knownLine {
	return slices.DeleteFunc(slices.Clone(lines), func(l knownLine) bool { return l.marker != marker })
}

// withKey returns the first line that has a key.
func withKey(lines []knownLine, key ssh.PublicKey) (knownLine, bool) {
	at := slices.IndexFunc(lines, func(l knownLine) bool { return sameKey(l.key, key) })
	if at < 0 {
		return knownLine{}, false
	}
	return lines[at], true
}
