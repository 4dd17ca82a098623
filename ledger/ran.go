package ledger

import (
	"cmp"
	"context"

	"github.com/growl-dev/deploy/rollout"
)

// Ran summarizes the runs that deployed a commit.
type Ran struct {
	// Good is set if the image was healthy on the whole fleet.
	Good bool
	// Other is the latest run that deployed another image of the commit; nil if there is none.
	Other *Record
	// Runs is the number of runs that were read.
	Runs int
}

// Ran reads the latest runs, at most the given number, and returns those that deployed a commit, or a tag of that name if they
// have no commit. It ends at the first run that deployed another image than digest.
func (l *Ledger) Ran(ctx context.Context, commit, digest string, most int) (Ran, error) {
	var seen Ran
	for record, err := range l.Runs(ctx) {
		if err != nil {
			return seen, err
		}
		if seen.Runs == most {
			break
		}
		seen.Runs++
		release := record.Result.Release
		if cmp.Or(release.Commit, release.Tag) != commit {
			continue
		}
		if release.Digest() != digest {
			seen.Other = &record
			return seen, nil
		}
		// An older run may name another image still, because an environment gets what a moved tag names, too.
		seen.Good = seen.Good || record.Good() || record.Result.Outcome == rollout.UnchangedRun
	}
	return seen, nil
}
