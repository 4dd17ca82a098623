package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

// ErrNoGoodRun is returned if the history has no release to go back to.
var ErrNoGoodRun = errors.New("no run in the history deployed another release on the whole fleet: deploy a release by its tag")

// Previous returns the release to go back to: the last one that was in service on the whole fleet, other than the present
// one. That can be one that no run deployed, such as the one that the first run replaced. present reports whether the whole
// fleet runs a digest now; nil: it runs several, or that is not known, so that the present release is the one of the last
// run that changed an instance.
func (l *Ledger) Previous(ctx context.Context, present func(digest string) bool) (rollout.Release, error) {
	var found rollout.Release // what the last run replaced; the run before it knows its tag
	for r, err := range l.Runs(ctx) {
		if err != nil {
			return found, err
		}
		if !r.changed() {
			continue
		}
		release := r.Result.Release
		if present == nil {
			present = func(digest string) bool { return digest == release.Digest() }
		}
		deployed := r.Good() && !present(release.Digest())
		if found.Image != "" && (!deployed || release.Digest() != found.Digest()) {
			break
		}
		if deployed {
			return release, nil
		}
		if before := r.Result.Before; !present(before.Digest()) {
			found = before
		}
	}
	if found.Image == "" {
		return found, fmt.Errorf("find the release before in the history of %s: %w", l.key.environment, ErrNoGoodRun)
	}
	found.Tag = cmp.Or(found.Tag, found.Commit)
	return found, nil
}

// changed reports whether an instance runs the run's release since the run, or may. The record of a run that was killed
// names no instances.
func (r Record) changed() bool {
	switch {
	case r.Result.Release.Image == "":
		return false
	case len(r.Result.Instances) == 0:
		return r.Result.Outcome == rollout.Interrupted
	}
	return slices.ContainsFunc(r.Result.Instances, func(i rollout.InstanceResult) bool {
		return i.Outcome == rollout.Updated || i.Outcome == rollout.OutOfService
	})
}
