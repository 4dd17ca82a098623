package githook

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// staged lists the files that the commit adds or changes.
func staged(ctx context.Context, patterns ...string) ([]string, error) {
	names, err := gitPaths(ctx, append([]string{"diff", "--cached", "--name-only", "--no-renames", "--diff-filter=d", "-z", "--"}, patterns...)...)
	if err != nil {
		return nil, fmt.Errorf("list the staged files: %w", err)
	}
	return names, nil
}

// stagedContent returns a file as it would be committed, which may differ from the one on disk.
func stagedContent(ctx context.Context, name string) ([]byte, error) {
	return gitOutput(ctx, "cat-file", "blob", ":"+filepath.ToSlash(name))
}

// gitPaths runs git with arguments that make it print names that end in a zero byte.
func gitPaths(ctx context.Context, args ...string) ([]string, error) {
	out, err := gitOutput(ctx, args...)
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
}

// gitOutput runs git on the repository that git passed to the hook, or else on that of the working directory.
func gitOutput(ctx context.Context, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok { // git's remedy may stand below its reason
			err = fmt.Errorf("%w: %s", err, strings.Join(strings.Fields(string(exit.Stderr)), " "))
		}
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out, nil
}
