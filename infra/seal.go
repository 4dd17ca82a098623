package infra

import (
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

// SealEnv seals an env file's bytes. check, if not nil, is asked whether they
// are an env file at all; its error must not quote them.
func SealEnv(path string, check func([]byte) error) (Seal, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("seal the env file: %w", err)
	}
	if check != nil {
		if err := check(content); err != nil {
			return "", fmt.Errorf("seal the env file %s: %w", path, err)
		}
	}
	sum := sha256.Sum256(content)
	return Seal(hex.EncodeToString(sum[:])), nil
}

// WriteSeal seals the environment's env file and writes the seal. It reports
// whether that changed anything.
func WriteSeal(dir, environment string, check func([]byte) error) (bool, error) {
	seal, err := SealEnv(EnvFile(dir, environment), check)
	if err != nil {
		return false, err
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

// ErrUnsealed: the env file is not the one that was sealed.
var ErrUnsealed = errors.New("the env file is not the one that was sealed")

// ReadSeal reads the environment's seal.
func ReadSeal(dir, environment string) (Seal, error) {
	path := SealFile(dir, environment)
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
	want, err := ReadSeal(dir, environment)
	if err != nil {
		return err
	}
	seal, err := SealEnv(EnvFile(dir, environment), check)
	if err != nil {
		return err
	}
	if seal != want {
		return fmt.Errorf("check %s against %s: %w: go tool mage env:seal seals it, if the change is meant", EnvFile(dir, environment), SealFile(dir, environment), ErrUnsealed)
	}
	return nil
}
