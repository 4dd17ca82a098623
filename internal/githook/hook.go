// Package githook implements git's pre-commit hook, which keeps secrets out of commits.
//
// It works in the repository of the working directory, or in the one that git passes to a hook. No function prints:
// text for people is returned.
package githook

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/growl-dev/deploy/infra"
)

// Hook is the pre-commit hook of a repository. The zero value seals no env file.
type Hook struct {
	// EnvFiles are the env files and their seals by environment.
	EnvFiles map[string]infra.EnvFile
	// Check is called with the bytes of an env file before it is sealed. Its error must not quote them. Nil: every file
	// is sealed.
	Check func([]byte) error
}

// Run refuses a commit of env files, and of tfvars with secrets. It seals env files that were changed, stages the
// seals, and returns a line for people about each, also if it fails after that.
func (h Hook) Run(ctx context.Context) (sealed []string, err error) {
	envFiles, err := staged(ctx, ":(glob)**/.env.*")
	if err != nil {
		return nil, err
	}
	variables, err := staged(ctx, tfvars()...)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(refuseEnvFiles(envFiles), guardTfvars(ctx, variables, stagedContent)); err != nil {
		return nil, err
	}
	for _, environment := range slices.Sorted(maps.Keys(h.EnvFiles)) {
		changed, err := h.sealChanged(ctx, h.EnvFiles[environment])
		if err != nil {
			return sealed, err
		}
		if changed {
			sealed = append(sealed, environment+": sealed anew, and the seal staged")
		}
	}
	return sealed, nil
}

func refuseEnvFiles(names []string) error {
	if len(names) == 0 {
		return nil
	}
	all := strings.Join(names, " ")
	return fmt.Errorf("env files hold secrets and are never committed: %s: git restore --staged %[1]s", all)
}

// sealChanged seals an env file and stages the seal, if the file is newer than its seal. It reports whether it did. It
// never seals an older file, because then the seal came with a commit of somebody else, and the file has to be updated
// instead.
func (h Hook) sealChanged(ctx context.Context, file infra.EnvFile) (bool, error) {
	changed, err := newer(file.Path, file.Seal)
	if err != nil || !changed {
		return false, err
	}
	if ofPaths() {
		return false, fmt.Errorf("%s was changed, and a commit of paths leaves its seal out: run go tool mage env:seal, git add %s, and commit without paths", file.Path, file.Seal)
	}
	changed, err = file.WriteSeal(h.Check)
	if err != nil {
		return false, err
	}
	if !changed {
		// The new time prevents the next commit from comparing them again.
		now := time.Now()
		return false, os.Chtimes(file.Seal, now, now)
	}
	if _, err := gitOutput(ctx, "add", "--", file.Seal); err != nil {
		return false, fmt.Errorf("stage the seal %s: %w", file.Seal, err)
	}
	return true, nil
}

// newer reports whether a file exists that was changed after another, or whose other does not exist.
func newer(name, than string) (bool, error) {
	file, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	other, err := os.Stat(than)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return file.ModTime().After(other.ModTime()), nil
}

// ofPaths reports whether the commit is one of paths, git commit PATH. Git makes a separate index for it, so that files
// that a hook stages are missing from the index after it.
func ofPaths() bool { return strings.HasPrefix(path.Base(os.Getenv("GIT_INDEX_FILE")), "next-index-") }
