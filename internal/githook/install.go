package githook

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed pre-commit.sh
var preCommit string

// hookMark is a line in every version of the hook.
const hookMark = "# Written by go tool mage hooks:install"

// hookCall is the command that another hook has to run to have the same effect.
const hookCall = "go tool mage hooks:run"

// Install writes git's pre-commit hook, for all worktrees of this clone, and returns a description of what it did. It
// replaces only a hook that it has written itself.
func Install(ctx context.Context) (done string, err error) {
	file, err := gitOutput(ctx, "rev-parse", "--git-path", "hooks/pre-commit")
	if err != nil {
		return "", fmt.Errorf("install the pre-commit hook: %w", err)
	}
	name := strings.TrimSuffix(string(file), "\n")
	done, err = installHook(name)
	if err != nil {
		return "", fmt.Errorf("install the pre-commit hook: %w", err)
	}
	return done + " " + name, nil
}

func installHook(name string) (done string, err error) {
	found, err := foundHook(name)
	switch {
	case err != nil:
		return "", err
	case string(found) == preCommit:
		return "the hook is there already:", nil
	case bytes.Contains(found, []byte(hookMark)):
		return "brought the hook up to date:", replaceHook(name)
	case bytes.Contains(found, []byte(hookCall)):
		return "a hook that runs `" + hookCall + "` is there already:", nil
	case found != nil:
		return "", fmt.Errorf("%s is another hook: let it run `%s` too, or move it away and run this again", name, hookCall)
	default:
		return "installed the hook", replaceHook(name)
	}
}

// foundHook returns the existing hook, or nil if there is none.
func foundHook(name string) ([]byte, error) {
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, hooksPathError(err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no plain file: move it away and run this again", name)
	}
	found, err := os.ReadFile(name)
	if len(found) == 0 {
		found = []byte{} // an empty hook is not nil
	}
	return found, err
}

// replaceHook replaces the hook in one step, because git may be about to run it.
func replaceHook(name string) error {
	folder := filepath.Dir(name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return hooksPathError(err)
	}
	file, err := os.CreateTemp(folder, ".pre-commit-")
	if err != nil {
		return hooksPathError(err)
	}
	_, err = file.WriteString(preCommit)
	err = errors.Join(err, file.Chmod(0o755), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// hooksPathError adds the setting that the path comes from, because people forget that they have set it.
func hooksPathError(err error) error {
	return fmt.Errorf("%w: the folder of hooks is set by git config core.hooksPath", err)
}
