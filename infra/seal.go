package infra

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// Seal is the SHA-256 of an env file: what git and the instances' tags hold of
// it, since the file itself is never committed.
type Seal string

var sealText = regexp.MustCompile(`^([0-9a-f]{64})  \S+\n?$`)

// EnvFile is where an environment's env file is.
func EnvFile(dir, environment string) string { return filepath.Join(dir, ".env."+environment) }

// SealFile is where its seal is, in the form that sha256sum -c reads.
func SealFile(dir, environment string) string {
	return filepath.Join(dir, "env-"+environment+".sha256")
}

// SealEnv seals an env file's bytes, exactly as they are, because Terraform's tag of
// the instances and first boot compare the same SHA-256. check, if not nil, is called
// with the bytes; its error must not quote them.
func SealEnv(path string, check func([]byte) error) (Seal, error) {
	_, seal, err := sealed(path, check)
	return seal, err
}

func sealed(path string, check func([]byte) error) ([]byte, Seal, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, "", fmt.Errorf("read the env file: %w", err)
	}
	if check != nil {
		if err := check(content); err != nil {
			return nil, "", fmt.Errorf("read the env file %s: %w", path, err)
		}
	}
	return content, sealOf(content), nil
}

func sealOf(content []byte) Seal {
	sum := sha256.Sum256(content)
	return Seal(hex.EncodeToString(sum[:]))
}

// WriteSeal seals the environment's env file and writes the seal. It reports
// whether that changed anything. A file that does not end with exactly one newline
// is refused: a secret of CI may lose or gain newlines at its end, so that the
// workflow writes the file with exactly one.
func WriteSeal(dir, environment string, check func([]byte) error) (bool, error) {
	content, seal, err := sealed(EnvFile(dir, environment), check)
	if err != nil {
		return false, err
	}
	if !bytes.Equal(content, oneNewline(content)) {
		return false, fmt.Errorf("seal the env file %s: it does not end with exactly one newline, as CI writes it: add it, or remove the empty lines at its end", EnvFile(dir, environment))
	}
	path := SealFile(dir, environment)
	text := []byte(string(seal) + "  .env." + environment + "\n")
	old, err := os.ReadFile(path)
	if err == nil && string(old) == string(text) {
		return false, nil
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return false, fmt.Errorf("write the seal: %w", err)
	}
	return true, nil
}

// oneNewline is content with exactly one newline at its end.
func oneNewline(content []byte) []byte {
	return append(bytes.Clone(bytes.TrimRight(content, "\r\n")), '\n')
}

// ErrUnsealed: the env file is not the one that was sealed.
var ErrUnsealed = errors.New("the env file is not the one that was sealed")

// ReadSeal reads the environment's seal.
func ReadSeal(dir, environment string) (Seal, error) {
	return readSeal(SealFile(dir, environment))
}

func readSeal(path string) (Seal, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the seal %s: there is none: go tool mage env:seal writes it", path)
	}
	if err != nil {
		return "", fmt.Errorf("read the seal: %w", err)
	}
	match := sealText.FindSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("read the seal %s: want 64 hex digits, two spaces and a file name: go tool mage env:seal writes it anew", path)
	}
	return Seal(match[1]), nil
}

// CheckSeal compares the environment's env file with its seal. A difference is
// ErrUnsealed.
func CheckSeal(dir, environment string, check func([]byte) error) error {
	return compareSeal(EnvFile(dir, environment), SealFile(dir, environment), check)
}

// CheckEnvFile compares the env file that a plan reads with its seal, as CheckSeal
// does, if the options name a seal.
func (e *Environment) CheckEnvFile(check func([]byte) error) error {
	if e.envFile == "" || e.sealFile == "" {
		return nil
	}
	return compareSeal(e.envFile, e.sealFile, check)
}

func compareSeal(file, sealFile string, check func([]byte) error) error {
	want, err := readSeal(sealFile)
	if err != nil {
		return err
	}
	content, seal, err := sealed(file, check)
	if err != nil {
		return err
	}
	if seal == want {
		return nil
	}
	return fmt.Errorf("check %s against %s: %w: %s", file, sealFile, ErrUnsealed, sealRemedy(content, want))
}

// sealRemedy explains the difference if it is one of line ends.
func sealRemedy(content []byte, want Seal) string {
	unix := bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	switch {
	case endsOtherwise(content, want):
		return "only the newlines at its end differ, which a copied secret loses or gains: end the file with exactly one newline"
	case endsOtherwise(unix, want):
		return "only its line ends differ: write it with LF instead of CRLF, and with exactly one newline at its end"
	default:
		return "get the sealed file from whoever changed it, or, if the change is meant, go tool mage env:seal seals it"
	}
}

// endsOtherwise reports whether the content has the seal with no newline at its end,
// or with one or two.
func endsOtherwise(content []byte, want Seal) bool {
	one := oneNewline(content)
	return sealOf(one[:len(one)-1]) == want || sealOf(one) == want || sealOf(append(one, '\n')) == want
}
