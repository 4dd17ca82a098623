package targets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/magefile/mage/mg"
)

// Hooks keep out of commits what must not be in them.
type Hooks mg.Namespace

// Install sets git's pre-commit hook up, for all worktrees of this clone.
func (Hooks) Install(ctx context.Context) (err error) {
	defer cleanError(&err)
	file, err := gitOutput(ctx, "rev-parse", "--git-path", "hooks/pre-commit")
	if err != nil {
		return fmt.Errorf("install the pre-commit hook: %w", err)
	}
	name := strings.TrimSuffix(string(file), "\n")
	done, err := installHook(name)
	if err != nil {
		return fmt.Errorf("install the pre-commit hook: %w", err)
	}
	printf("%s %s\n", done, name)
	return nil
}

// Run is what the pre-commit hook runs: it refuses env files and tfvars with secrets, and seals changed env files.
func (Hooks) Run(ctx context.Context) (err error) {
	defer cleanError(&err)
	envFiles, err := staged(ctx, ":(glob)**/.env.*")
	if err != nil {
		return err
	}
	variables, err := staged(ctx, tfvars()...)
	if err != nil {
		return err
	}
	if err := errors.Join(refuseEnvFiles(envFiles), guardTfvars(ctx, variables, stagedContent)); err != nil {
		return err
	}
	for _, environment := range environments() {
		if err := sealChanged(ctx, environment); err != nil {
			return err
		}
	}
	return nil
}

func refuseEnvFiles(names []string) error {
	if len(names) == 0 {
		return nil
	}
	all := strings.Join(names, " ")
	return fmt.Errorf("env files hold secrets and are never committed: %s: git restore --staged %[1]s", all)
}

// sealChanged seals an environment's env file and stages the seal, if the file is
// newer than its seal. One that is older is not sealed, whatever is in it: the seal
// came with somebody else's commit, and the file is what has to follow.
func sealChanged(ctx context.Context, environment string) error {
	file := envFileOf(environment)
	changed, err := newer(file.Path, file.Seal)
	if err != nil || !changed {
		return err
	}
	if ofPaths() {
		return fmt.Errorf("%s was changed, and a commit of paths leaves its seal out: run go tool mage env:seal, git add %s, and commit without paths", file.Path, file.Seal)
	}
	changed, err = file.WriteSeal(envFileCheck(nil))
	if err != nil {
		return err
	}
	if !changed {
		// Not to be looked at again.
		now := time.Now()
		return os.Chtimes(file.Seal, now, now)
	}
	if _, err := gitOutput(ctx, "add", "--", file.Seal); err != nil {
		return fmt.Errorf("stage the seal %s: %w", file.Seal, err)
	}
	printf("%s: sealed anew, and the seal staged\n", environment)
	return nil
}

// newer reports whether a file is there and was changed after another, or has no
// other.
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

// ofPaths reports whether the commit is one of paths, git commit PATH: git makes
// an index for it alone, and what a hook stages there is not in the index after it.
func ofPaths() bool { return strings.HasPrefix(path.Base(os.Getenv("GIT_INDEX_FILE")), "next-index-") }

// staged lists what the commit adds or changes.
func staged(ctx context.Context, patterns ...string) ([]string, error) {
	names, err := gitPaths(ctx, append([]string{"diff", "--cached", "--name-only", "--no-renames", "--diff-filter=d", "-z", "--"}, patterns...)...)
	if err != nil {
		return nil, fmt.Errorf("list what is staged: %w", err)
	}
	return names, nil
}

// stagedContent is a file as it would be committed, whatever is on disk.
func stagedContent(ctx context.Context, name string) ([]byte, error) {
	return gitOutput(ctx, "cat-file", "blob", ":"+filepath.ToSlash(name))
}

func gitPaths(ctx context.Context, args ...string) ([]string, error) {
	out, err := gitOutput(ctx, args...)
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
}

// gitOutput runs git on the repository that a hook was told, or else that of the
// working directory.
func gitOutput(ctx context.Context, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w", args[0], said(err))
	}
	return out, nil
}
