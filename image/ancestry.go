package image

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
)

// Ancestry is how one commit is related to another in the history of a checkout.
type Ancestry string

// The relations of a commit to another.
const (
	// Same: they are one commit.
	Same Ancestry = "the same as"
	// Older: the other commit descends from it.
	Older Ancestry = "older than"
	// Newer: it descends from the other commit.
	Newer Ancestry = "newer than"
	// Diverged: neither descends from the other.
	Diverged Ancestry = "on another branch than"
	// Unknown: the checkout does not hold one of the two.
	Unknown Ancestry = "not comparable with"
)

// ErrShallow is the error of a checkout without history: it may lack the commits between the two that are compared.
var ErrShallow = errors.New("the checkout is shallow: fetch its history with `git fetch --unshallow`, in a workflow with fetch-depth: 0")

var fullSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

// Compare returns how commit is related to other by the history of the checkout that dir is in. What is not a full SHA is
// Unknown.
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
	shallow, err := g.ask(ctx, "rev-parse", "--is-shallow-repository")
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

// succeeds reports whether git answers with exit code 0, and not with 1.
func (g git) succeeds(ctx context.Context, args ...string) (bool, error) {
	_, err := g.ask(ctx, args...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false, nil
	}
	return err == nil, err
}
