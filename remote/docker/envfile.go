package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/growl-dev/deploy/rollout"
)

// envFile is the env file on an instance.
type envFile struct {
	conn Conn
	path string // empty: the spec names none
	seal string // the SHA-256, in hex, that it must have; empty: any
}

// read returns the variables of the sealed env file on the instance. It refuses a file that is not the sealed one even
// if that cannot be parsed.
func (f envFile) read(ctx context.Context) ([]string, error) {
	variables, seal, err := f.load(ctx)
	if fault := f.checkSeal(seal); fault != nil {
		return nil, fault
	}
	return variables, err
}

// load returns the variables of the env file on the instance, and the file's SHA-256 in hex, which is empty if the spec
// names no file or it cannot be read. Errors hold no value of a variable.
func (f envFile) load(ctx context.Context) (variables []string, seal string, err error) {
	if f.path == "" {
		return nil, "", nil
	}
	data, err := f.conn.ReadFile(ctx, f.path)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrEnvFile, err)
	}
	sum := sha256.Sum256(data)
	seal = hex.EncodeToString(sum[:])
	if variables, err = ParseEnvFile(bytes.NewReader(data)); err != nil {
		return nil, seal, fmt.Errorf("%w: parse %s: %w", ErrEnvFile, f.path, err)
	}
	return variables, seal, nil
}

// checkSeal compares the seal of the file that was read with the one that the release needs. A difference refuses the
// run, because the other instances' files are no better.
func (f envFile) checkSeal(seal string) error {
	if seal == "" || f.seal == "" || f.seal == seal {
		return nil
	}
	return fmt.Errorf("%w: %w: %s is not the env file that was sealed", rollout.ErrRefuse, ErrEnvFile, f.path)
}
