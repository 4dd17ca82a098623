package hosts

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/growl-dev/deploy/image"
	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/rollout"
)

// commitSHA matches a full commit SHA.
var commitSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

// Comparison is the relation of a release to the releases that the instances run.
type Comparison struct {
	// Older is the reason why the release does not go forward; empty if it does.
	Older string
	// Remarks name the instances whose commit cannot be compared.
	Remarks []string
}

// Compare compares the release's commit with those that the instances run, by the history of the checkout in the
// working directory. The release is older if an instance's commit descends from it. A commit on another branch, or one
// that the checkout does not hold, does not count as newer: it was deployed by hand, and a push to the main branch
// should replace it.
func (f *Fleet) Compare(ctx context.Context, release rollout.Release) (Comparison, error) {
	if !commitSHA.MatchString(release.Commit) {
		return Comparison{}, fmt.Errorf("-onlyForward compares commits, and the image %s has no tag that is one commit's full SHA: leave -onlyForward out to deploy it", release)
	}
	running, c, err := f.running(ctx)
	if err != nil {
		return Comparison{}, fmt.Errorf("-onlyForward: read the releases of the instances: %w", err)
	}
	for _, r := range running {
		relation, err := image.Compare(ctx, ".", release.Commit, r.commit)
		if err != nil {
			return Comparison{}, fmt.Errorf("-onlyForward: %w", err)
		}
		switch relation {
		case image.Older:
			c.Older = fmt.Sprintf("-onlyForward: commit %s is older than %s, which runs on %s", release.Commit, r.commit, r.where())
			return c, nil
		case image.Diverged, image.Unknown:
			c.Remarks = append(c.Remarks, fmt.Sprintf("-onlyForward: commit %s is %s %s, which runs on %s and is replaced", release.Commit, relation, r.called(), r.where()))
		}
	}
	return c, nil
}

// runningCommit is a commit and the instances that run it.
type runningCommit struct {
	commit    string
	instances []string
}

func (r runningCommit) called() string {
	if r.commit == "" {
		return "a release without a commit"
	}
	return r.commit
}

func (r runningCommit) where() string { return strings.Join(r.instances, ", ") }

// running reads the commits that the instances run, in the fleet's order. An instance that cannot be read becomes a
// remark, because the run will not update it either. If none can be read, running returns an error.
func (f *Fleet) running(ctx context.Context) (found []runningCommit, c Comparison, err error) {
	states, errs := f.inspect(ctx)
	read := 0
	for at, i := range f.Instances {
		called := strings.TrimSpace(fmt.Sprintf("%s (%s)", i.Name, i.ID))
		if errs[at] != nil {
			c.Remarks = append(c.Remarks, fmt.Sprintf("-onlyForward: what runs on %s was not compared: %v", called, oneline.Error(errs[at])))
			continue
		}
		if read++; states[at].Running {
			found = noted(found, states[at].Release.Commit, called)
		}
	}
	if read == 0 {
		return nil, c, errors.Join(errs...)
	}
	return found, c, nil
}

// noted adds an instance to those that run a commit.
func noted(found []runningCommit, commit, instance string) []runningCommit {
	at := slices.IndexFunc(found, func(r runningCommit) bool { return r.commit == commit })
	if at < 0 {
		return append(found, runningCommit{commit, []string{instance}})
	}
	found[at].instances = append(found[at].instances, instance)
	return found
}
