package image

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
)

// Ancestry is the relation of one commit to another in the history of a checkout.
type Ancestry string

// The relations of a commit to another.
const (
	// Same: both are the same commit.
	Same Ancestry = "the same as"
	// Older: the other commit descends from this one.
	Older Ancestry = "older than"
	// Newer: this commit descends from the other one.
	Newer Ancestry = "newer than"
	// Diverged: neither descends from the other.
	Diverged Ancestry = "on another branch than"
	// Unknown: the checkout does not hold one of the two.
	Unknown Ancestry = "not comparable with"
)

// ErrShallow is the error of a checkout without its full history, which may lack the commits between the two compared.
var ErrShallow = errors.New("the checkout is shallow: fetch its history with `git fetch --unshallow`, in a workflow with fetch-depth: 0")

var fullSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

// Compare returns the relation of commit to other in the history of the checkout that contains dir. It returns Unknown
// if one of the two is not a full SHA.
func Compare(ctx context.Context, dir, commit, other string) (Ancestry, error) {
	relation, err := git{dir}.compare(ctx, commit, other)
	if err != nil {
		return Unknown, fmt.Errorf("compare commits %.12s and %.12s: %w", commit, other, err)
	}
	return relation, nil
}

func (g git) compare(ctx context.Context, commit, other string) (Ancestry, error) {
	if !fullSHA.MatchString(commit) || !fullSHA.MatchString(other) {
		return Unknown, nil
	}
	if commit == other {
		return Same, nil
	}
	shallow, err := g.run(ctx, "rev-parse", "--is-shallow-repository")
	switch {
	case err != nil:
		return Unknown, err
	case shallow != "false":
		return Unknown, ErrShallow
	}
	for _, sha := range []string{commit, other} {
		if held, err := g.succeeds(ctx, "rev-parse", "--quiet", "--verify", sha+"^{commit}"); err != nil || !held {
			return Unknown, err
		}
	}
	if older, err := g.succeeds(ctx, "merge-base", "--is-ancestor", commit, other); err != nil || older {
		return Older, err
	}
	if newer, err := g.succeeds(ctx, "merge-base", "--is-ancestor", other, commit); err != nil || newer {
		return Newer, err
	}
	return Diverged, nil
}

// succeeds reports whether git exits with code 0. It returns false for exit code 1, and an error for any other.
func (g git) succeeds(ctx context.Context, args ...string) (bool, error) {
	_, err := g.run(ctx, args...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false, nil
	}
	return err == nil, err
}
