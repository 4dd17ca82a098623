package targets

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/image"
	"github.com/growl-dev/deploy/internal/awsauth"
	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/internal/signals"
)

// Build builds the service's image, named by the commit, with the Docker CLI.
func Build(ctx context.Context,
	// platform of the image, linux/amd64 or linux/arm64; default linux/amd64
	platform *string,
) (err error) {
	defer console.CleanError(&err)
	ctx, stop := signals.Until(ctx)
	defer stop()
	started := time.Now()
	options, flush, err := imageOptions(platform)
	if err != nil {
		return err
	}
	defer flush()
	built, err := image.Build(ctx, options)
	if err != nil {
		return err
	}
	console.Printf("built %s for %s with %s in %s\n", built.Ref, built.Platform, built.Builder, time.Since(started).Round(100*time.Millisecond))
	if built.Source.Dirty {
		console.Printf("the tree is not that commit: this image cannot be pushed\n")
	}
	return nil
}

// Push uploads the image of the checked-out commit, once, and makes the tag latest name it.
func Push(ctx context.Context,
	// JSON file with the fleet, to whose repository the image is pushed
	fleet *string,
	// repository to push to instead, HOST/NAME; default REPOSITORY
	repository *string,
	// region of a registry whose host does not contain it; default that of the AWS configuration
	region *string,
	// platform of the image; default linux/amd64
	platform *string,
	// do not move latest if it names a newer commit
	onlyForward *bool,
) (err error) {
	defer console.CleanError(&err)
	ctx, stop := signals.Until(ctx)
	defer stop()
	started := time.Now()
	images, err := pushesTo(ctx, fleet, repository, region)
	if err != nil {
		return err
	}
	options, flush, err := imageOptions(platform)
	if err != nil {
		return err
	}
	defer flush()
	options.OnlyForward = set(onlyForward)
	pushed, err := image.Push(ctx, options, registry{images})
	if err != nil {
		return explainConflict(err)
	}
	what := "pushed"
	if pushed.Present {
		what = "already pushed:"
	}
	latest := image.Latest + " names it"
	if pushed.Kept != "" {
		latest = image.Latest + " stays where it is: " + pushed.Kept
	}
	console.Printf("%s %s as %s in %s, %s\n", what, pushed.Ref, pushed.Digest, time.Since(started).Round(100*time.Millisecond), latest)
	return nil
}

// imageOptions returns the options for building the service's image. They print the output of the Docker CLI, cleaned.
// The caller calls flush at the end.
func imageOptions(platform *string) (o image.Options, flush func(), err error) {
	declared, err := service()
	if err != nil {
		return o, nil, err
	}
	out, stderr := console.Out(), console.Err()
	o = declared.WithDefaults().Image
	o.Platform, o.Out, o.Err = cmp.Or(value(platform, ""), o.Platform), out, stderr
	return o, func() { _, _ = out.Flush(), stderr.Flush() }, nil
}

// pushesTo returns the repository that the flags name. It makes no call yet.
func pushesTo(ctx context.Context, fleetFile, repository, region *string) (*ecr.Repository, error) {
	uri, where, err := repositoryOf(ctx, fleetFile, repository, region)
	if err != nil {
		return nil, err
	}
	cfg, err := awsauth.Load(ctx)
	if err != nil {
		return nil, err
	}
	return ecr.NewFromConfig(cfg, uri, ecr.Options{Region: where})
}

// repositoryOf returns a repository's URI and region from the flags.
func repositoryOf(ctx context.Context, fleetFile, repository, region *string) (uri, where string, err error) {
	where = value(region, "")
	switch {
	case fleetFile != nil && repository != nil:
		return "", "", console.Usage("say where to push once: -fleet=FILE or -repository=HOST/NAME")
	case fleetFile == nil:
		if uri = value(repository, "REPOSITORY"); uri == "" {
			return "", "", console.Usage("say where to push: -fleet=FILE, or -repository=HOST/NAME or REPOSITORY")
		}
		return uri, where, nil
	}
	described, err := fleet.File(*fleetFile).Fleet(ctx, "")
	if err != nil {
		return "", "", err
	}
	if where == "" {
		where = described.RegistryRegion
	}
	return described.Repository, where, nil
}

// registry adapts an ECR repository to image.Registry.
type registry struct{ *ecr.Repository }

// Login returns the registry's current token.
func (r registry) Login(ctx context.Context) (user, password string, err error) {
	credentials, err := r.Credentials(ctx)
	return credentials.Username, credentials.Password, err
}

// Digest returns the digest that a tag names, or "" if the tag does not exist.
func (r registry) Digest(ctx context.Context, tag string) (string, error) {
	found, err := r.Resolve(ctx, tag)
	if errors.Is(err, ecr.ErrNotFound) {
		return "", nil
	}
	return found.Digest, err
}

// Commit returns the commit of the image under a tag: the one tag of the image that is a full SHA.
func (r registry) Commit(ctx context.Context, tag string) (string, error) {
	found, err := r.Resolve(ctx, tag)
	return found.Commit, err
}

// explainConflict adds the remedy to the error of a tag that cannot move.
func explainConflict(err error) error {
	var conflict *ecr.ConflictError
	if errors.As(err, &conflict) {
		return mg.Fatalf(1, "%v: its tags are immutable: exempt %s and deployed-* from that (IMMUTABLE_WITH_EXCLUSION)", err, image.Latest)
	}
	return err
}
