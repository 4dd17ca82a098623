package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

// maxRuns bounds the number of earlier runs that are read.
const maxRuns = 500

// plan returns the release and the conditions of a deploy of a tag.
func (o *Operator) plan(ctx context.Context, tag string, inFlight ...string) (conditions, error) {
	if err := o.service.CheckTag(o.name, tag); err != nil {
		return conditions{}, err
	}
	c, err := o.deployConditions(inFlight)
	if err != nil {
		return c, err
	}
	return o.pinRelease(ctx, c, tag)
}

// planRollback returns the release and the conditions of a rollback. The release has to be in the environment's
// repository, because a ledger may contain runs of another service with the same name.
func (o *Operator) planRollback(ctx context.Context, runID string, inFlight ...string) (conditions, error) {
	c, err := o.rolloutConditions(inFlight)
	if err != nil {
		return c, err
	}
	l, err := o.openLedger(o.name)
	if err != nil {
		return c, err
	}
	c.release, err = releaseToRollBackTo(ctx, l, c.hosts, runID)
	return c, cmp.Or(err, checkRepository(c.release, o.images))
}

// checkRepository returns an error if the release's image is in another repository than the environment's.
func checkRepository(release rollout.Release, images *ecr.Repository) error {
	if release.Repository() == images.URI() {
		return nil
	}
	return fmt.Errorf("%w: %s is of %s, and the environment runs images of %s", ErrOtherRepository, release, release.Repository(), images.URI())
}

// pinRelease sets the release to a digest: the one in Options.Digest, or the one that the tag names. If the release is
// promoted, its image must be the one that ran under that commit in the environment before, because a tag can be moved
// in the registry.
func (o *Operator) pinRelease(ctx context.Context, c conditions, tag string) (_ conditions, err error) {
	if o.options.Digest != "" {
		c.release, err = resolveDigest(ctx, o.images, tag, o.options.Digest)
		c.skip("-digest=%s: this image was chosen by its digest, and was not compared with what %s ran", o.options.Digest, cmp.Or(o.environment.PromotedFrom, "another environment"))
		return c, err
	}
	if c.release, err = resolve(ctx, o.images, tag); err != nil || o.environment.PromotedFrom == "" {
		return c, err
	}
	l, err := o.openLedger(o.environment.PromotedFrom)
	if err != nil {
		return c, err
	}
	p := promotion{from: o.environment.PromotedFrom, to: o.name, release: c.release}
	remark, err := p.compare(ctx, l)
	if remark != "" {
		c.skip("%s", remark)
	}
	return c, err
}

// resolve resolves the tag to a digest, once for the whole run.
func resolve(ctx context.Context, images *ecr.Repository, tag string) (rollout.Release, error) {
	image, err := images.Resolve(ctx, tag)
	if err != nil {
		return rollout.Release{}, withRecent(ctx, images, err)
	}
	return rollout.Release{Image: images.URI() + "@" + image.Digest, Tag: tag, Commit: image.Commit}, nil
}

// resolveDigest returns the release of the image with the digest. It returns an error if the registry's tags name
// another commit for the image. The image's own label is checked once it is pulled.
func resolveDigest(ctx context.Context, images *ecr.Repository, tag, digest string) (rollout.Release, error) {
	image, err := images.ResolveDigest(ctx, digest)
	if err != nil {
		return rollout.Release{}, withRecent(ctx, images, err)
	}
	release := rollout.Release{Image: images.URI() + "@" + image.Digest, Tag: tag, Commit: image.Commit}
	if commitSHA.MatchString(tag) {
		release.Commit = cmp.Or(image.Commit, tag)
	}
	if commitSHA.MatchString(tag) && release.Commit != tag {
		return rollout.Release{}, fmt.Errorf("-digest=%s is the image of commit %s, not of %s: deploy %[2]s to use it", digest, image.Commit, tag)
	}
	return release, nil
}

// withRecent adds the latest releases to the error of a missing tag.
func withRecent(ctx context.Context, images *ecr.Repository, err error) error {
	if !errors.Is(err, ecr.ErrNotFound) {
		return err
	}
	recent, listed := images.Recent(ctx, 5)
	if listed != nil || len(recent) == 0 {
		return err
	}
	text := ""
	for _, image := range recent {
		text += fmt.Sprintf("; %s pushed %s", image.Names(), image.PushedAt.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return fmt.Errorf("%w%s", err, text)
}

// promotion is a release that one environment has run and another one is to run.
type promotion struct {
	from, to string
	release  rollout.Release
}

// compare compares the release with the one that the history of the environment before has for the same commit. Another
// digest is an error. So is a history that cannot be read: else a missing permission would disable the comparison. A
// commit that never ran there is only a remark, because CI also makes images of commits that were skipped there.
func (p promotion) compare(ctx context.Context, l *ledger.Ledger) (remark string, err error) {
	tag, digest := p.release.Tag, p.release.Digest()
	byDigest := func(digest, does string) string {
		return fmt.Sprintf("`mage deploy:to %s -tag=%s -digest=%s` %s", p.to, tag, digest, does)
	}
	seen, err := l.Ran(ctx, tag, digest, maxRuns)
	switch {
	case err != nil:
		return "", fmt.Errorf("compare the image of %s with what %s ran: %w: the role of %s has to be allowed to read %[2]s's history, which `mage infra:apply %[4]s` does; %s",
			tag, p.from, err, p.to, byDigest(digest, "deploys this image without the comparison"))
	case seen.Other != nil:
		ran := seen.Other.Result.Release.Digest()
		return "", fmt.Errorf("the tag %s now names %s, but %s's run %s deployed %s under it: somebody moved the tag in the registry; find out who did; %s",
			tag, digest, p.from, seen.Other.Result.Run, ran, byDigest(ran, "deploys what "+p.from+" ran"))
	case seen.Good:
		return "", nil
	}
	return fmt.Sprintf("%s never ran commit %s on all its instances, by its last %d runs", p.from, tag, seen.Runs), nil
}
