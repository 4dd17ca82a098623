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

// Seal is the SHA-256 of an env file. Git and the instances' tags hold the seal, because the file itself is never
// committed.
type Seal string

var sealText = regexp.MustCompile(`^([0-9a-f]{64})  .+\n?$`)

// EnvFile is an environment's env file and its seal. The zero value means that there is none.
type EnvFile struct {
	// Path is the env file, which is never committed.
	Path string
	// Seal is the file that holds the seal. It is committed, and has the form that sha256sum -c reads in that file's
	// folder. Empty: the env file has no seal.
	Seal string
}

// ConventionalEnvFile returns the usual names of the files: .env.ENVIRONMENT and env-ENVIRONMENT.sha256 in dir.
func ConventionalEnvFile(dir, environment string) EnvFile {
	return EnvFile{
		Path: filepath.Join(dir, ".env."+environment),
		Seal: filepath.Join(dir, "env-"+environment+".sha256"),
	}
}

// in returns the files with relative paths resolved in dir.
func (f EnvFile) in(dir string) EnvFile {
	if f.Path != "" {
		f.Path = absolute(dir, f.Path)
	}
	if f.Seal != "" {
		f.Seal = absolute(dir, f.Seal)
	}
	return f
}

// SealEnv returns the seal of an env file's bytes, exactly as they are, because Terraform's tag of the instances and
// first boot compare the same SHA-256. check, if not nil, is called with the bytes; its error must not quote them.
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

// WriteSeal seals the env file and writes the seal. It reports whether that changed anything. It refuses a file that
// does not end with exactly one newline: a secret of CI may lose or gain newlines at its end, so that the workflow
// writes the file with exactly one.
func (f EnvFile) WriteSeal(check func([]byte) error) (bool, error) {
	content, seal, err := sealed(f.Path, check)
	if err != nil {
		return false, err
	}
	if !bytes.Equal(content, oneNewline(content)) {
		return false, fmt.Errorf("seal the env file %s: it does not end with exactly one newline, as CI writes it: add it, or remove the empty lines at its end", f.Path)
	}
	name, err := filepath.Rel(filepath.Dir(f.Seal), f.Path)
	if err != nil {
		return false, fmt.Errorf("write the seal: %w", err)
	}
	text := []byte(string(seal) + "  " + name + "\n")
	old, err := os.ReadFile(f.Seal)
	if err == nil && string(old) == string(text) {
		return false, nil
	}
	if err := os.WriteFile(f.Seal, text, 0o644); err != nil {
		return false, fmt.Errorf("write the seal: %w", err)
	}
	return true, nil
}

// oneNewline returns content with exactly one newline at its end.
func oneNewline(content []byte) []byte {
	return append(bytes.Clone(bytes.TrimRight(content, "\r\n")), '\n')
}

// ErrUnsealed is the error of an env file that differs from the sealed one.
var ErrUnsealed = errors.New("the env file is not the one that was sealed")

// ReadSeal reads the seal.
func (f EnvFile) ReadSeal() (Seal, error) {
	text, err := os.ReadFile(f.Seal)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the seal %s: there is none: go tool mage env:seal writes it", f.Seal)
	}
	if err != nil {
		return "", fmt.Errorf("read the seal: %w", err)
	}
	match := sealText.FindSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("read the seal %s: want 64 hex digits, two spaces and a file name: go tool mage env:seal writes it anew", f.Seal)
	}
	return Seal(match[1]), nil
}

// CheckSeal compares the env file with its seal. If they differ, the error is ErrUnsealed.
func (f EnvFile) CheckSeal(check func([]byte) error) error {
	want, err := f.ReadSeal()
	if err != nil {
		return err
	}
	content, seal, err := sealed(f.Path, check)
	if err != nil {
		return err
	}
	if seal == want {
		return nil
	}
	return fmt.Errorf("check %s against %s: %w: %s", f.Path, f.Seal, ErrUnsealed, sealRemedy(content, want))
}

// CheckEnvFile compares the env file that a plan reads with its seal, as [EnvFile.CheckSeal] does, if the options name
// both.
func (e *Environment) CheckEnvFile(check func([]byte) error) error {
	if e.envFile.Path == "" || e.envFile.Seal == "" {
		return nil
	}
	return e.envFile.CheckSeal(check)
}

// sealRemedy returns the remedy. It checks first whether only the line ends differ.
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

// endsOtherwise reports whether the content has the seal if its end is changed to no newline, one or two.
func endsOtherwise(content []byte, want Seal) bool {
	one := oneNewline(content)
	return sealOf(one[:len(one)-1]) == want || sealOf(one) == want || sealOf(append(one, '\n')) == want
}
