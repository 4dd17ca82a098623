package targets

import (
	"cmp"
	"context"
	"fmt"
	"regexp"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

// mostRuns bounds how many of dev's runs are read. The registry keeps the last 50 images.
const mostRuns = 500

var digestText = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// choose pins the release of a run to a digest. What is promoted to prod has to be the image that dev ran under that
// commit, because a tag can be moved in the registry; -digest chooses an image regardless.
func (w *world) choose(ctx context.Context, s settings) (rollout.Release, error) {
	if s.Digest != "" {
		return w.chooseDigest(ctx, s)
	}
	release, err := w.resolve(ctx, s.Tag)
	if err != nil || s.Environment != "prod" {
		return release, err
	}
	books, err := w.books("dev", s.Ledger)
	if err != nil {
		return release, err
	}
	remark, err := comparePromoted(ctx, books, release)
	if remark != "" {
		w.skipped = append(w.skipped, remark)
	}
	return release, err
}

// chooseDigest pins the release to the image that -digest names. One that the registry or, once it is pulled, its own
// label says is of another commit is refused.
func (w *world) chooseDigest(ctx context.Context, s settings) (rollout.Release, error) {
	image, err := w.images.ResolveDigest(ctx, s.Digest)
	if err != nil {
		return rollout.Release{}, w.withRecent(ctx, err)
	}
	if image.Commit != "" && image.Commit != s.Tag {
		return rollout.Release{}, fmt.Errorf("-digest=%s is the image of commit %s, not of %s: `mage deploy:prod %s` deploys it", s.Digest, image.Commit, s.Tag, image.Commit)
	}
	w.skipped = append(w.skipped, "-digest="+s.Digest+": this image was chosen by its digest, and was not compared with what dev ran")
	return rollout.Release{Image: w.images.URI() + "@" + image.Digest, Tag: s.Tag, Commit: s.Tag}, nil
}

// comparePromoted compares a release of prod's with what dev's history names under the same commit. Another digest is an
// error, and so is a history that cannot be read: else who takes the permission away takes the comparison away. A commit
// that dev never ran is a remark, because also commits that dev skipped become images.
func comparePromoted(ctx context.Context, books *ledger.Ledger, release rollout.Release) (remark string, err error) {
	runs, good := 0, false
	for record, err := range books.Runs(ctx) {
		if err != nil {
			return "", fmt.Errorf("compare the image of %s with what dev ran: %w: the role of prod has to be allowed to read dev's history, which `mage infra:apply prod` does; `mage deploy:prod %s -digest=%s` deploys this image without the comparison",
				release.Tag, err, release.Tag, release.Digest())
		}
		if runs++; runs > mostRuns {
			break
		}
		ran := record.Result.Release
		if cmp.Or(ran.Commit, ran.Tag) != release.Tag {
			continue
		}
		if ran.Digest() != release.Digest() {
			return "", fmt.Errorf("the tag %s now names %s, but dev's run %s deployed %s under it: somebody moved the tag in the registry; find out who did; `mage deploy:prod %s -digest=%s` deploys what dev ran",
				release.Tag, release.Digest(), record.Result.Run, ran.Digest(), release.Tag, ran.Digest())
		}
		// An older run may name another image still: dev gets what a moved tag names, too.
		good = good || record.Good() || record.Result.Outcome == rollout.UnchangedRun
	}
	if good {
		return "", nil
	}
	return fmt.Sprintf("dev never ran commit %s on all its instances, by its last %d runs", release.Tag, min(runs, mostRuns)), nil
}
