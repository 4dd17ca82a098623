package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Latest is the tag of the image that was pushed last.
const Latest = "latest"

// Registry is the repository that images are pushed to.
type Registry interface {
	// URI returns HOST/REPOSITORY.
	URI() string
	// Login returns a login for HOST.
	Login(ctx context.Context) (user, password string, err error)
	// Digest returns the digest that a tag names now, or "" if the tag does not exist.
	Digest(ctx context.Context, tag string) (string, error)
	// Commit returns the full SHA of the commit that the image under a tag was built from, or "" if the registry does
	// not record it.
	Commit(ctx context.Context, tag string) (string, error)
	// Retag makes a tag name the image with this digest, without an upload.
	Retag(ctx context.Context, digest, tag string) error
}

// Pushed is an image in the registry.
type Pushed struct {
	// Ref is REPOSITORY:COMMIT.
	Ref string
	// Digest is the manifest's, sha256:<64 hex digits>.
	Digest string
	// Present is set if the registry already held the image, so that nothing was uploaded.
	Present bool
	// Kept is the reason why latest was left at another image, with [Options.OnlyForward]; empty if latest names this
	// one.
	Kept string
}

// ConflictError is the error of a commit for which the registry already holds another image.
type ConflictError struct {
	// Ref is REPOSITORY:COMMIT, Digest the digest that it names, and Local the ID of the image in the engine.
	Ref, Digest, Local string
}

// Error names both images and the remedy.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("the registry already holds %s as %s, which is not the image %s: images are built once, so deploy that one, or commit and build again", e.Ref, e.Digest, e.Local)
}

// Push uploads the image that [Build] made of the checked-out commit, and then makes latest name it. If the registry
// already holds an image of the commit, Push compares it with this one instead of uploading it again, and returns a
// [*ConflictError] if they differ. The registry's token is kept in a temporary Docker configuration, which is removed.
func Push(ctx context.Context, o Options, r Registry) (Pushed, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Pushed{}, fmt.Errorf("push image: %w", err)
	}
	pushed, err := o.push(ctx, r)
	if err != nil {
		return Pushed{}, fmt.Errorf("push image %s: %w", o.Name, err)
	}
	return pushed, nil
}

func (o Options) push(ctx context.Context, r Registry) (_ Pushed, err error) {
	source, err := ReadSource(ctx, o.Dir)
	if err != nil {
		return Pushed{}, err
	}
	if source.Dirty {
		return Pushed{}, fmt.Errorf("the tree is not commit %s: commit or stash what `git status` shows, then build", source.Commit)
	}
	if _, err := (docker{}).platform(ctx); err != nil {
		return Pushed{}, err
	}
	digest, err := r.Digest(ctx, source.Commit)
	if err != nil {
		return Pushed{}, err
	}
	local, err := o.local(ctx, source.Commit, digest != "")
	if err != nil {
		return Pushed{}, err
	}
	cli, remove, err := login(ctx, r)
	if err != nil {
		return Pushed{}, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	cli.out = o.Out
	u := upload{cli, r, source.Commit, r.URI() + ":" + source.Commit, local, ""}
	if o.OnlyForward {
		u.history = o.Dir
	}
	return u.finish(ctx, digest)
}

// local returns the image in the engine. It returns nil if the image is missing and optional, as when the registry
// already holds the commit.
func (o Options) local(ctx context.Context, commit string, optional bool) (*inspected, error) {
	ref := o.Name + ":" + commit
	held, err := docker{}.has(ctx, ref)
	switch {
	case err != nil:
		return nil, err
	case !held && optional:
		return nil, nil
	case !held:
		return nil, fmt.Errorf("the engine has no image %s: build it first", ref)
	}
	found, err := docker{}.inspect(ctx, ref)
	if err != nil {
		return nil, err
	}
	if found.platform() != o.Platform {
		return nil, fmt.Errorf("image %s is built for %s, not for %s: build it for the platform you push", ref, found.platform(), o.Platform)
	}
	return &found, nil
}

// upload is the push of one commit.
type upload struct {
	cli         docker
	registry    Registry
	commit, ref string
	local       *inspected
	// history is a folder of the checkout whose history decides whether latest may move; empty if it always may.
	history string
}

// finish does what is left to do: it verifies the image that the registry holds under the commit or uploads it, and
// then moves latest.
func (u upload) finish(ctx context.Context, digest string) (Pushed, error) {
	pushed := Pushed{Ref: u.ref, Digest: digest, Present: digest != ""}
	var err error
	if pushed.Present {
		err = u.verify(ctx, digest)
	} else {
		pushed.Digest, err = u.send(ctx)
	}
	if err != nil {
		return Pushed{}, err
	}
	if pushed.Kept, err = u.keeps(ctx); err != nil {
		return Pushed{}, fmt.Errorf("%s is pushed, but %s was not compared with it: %w", u.ref, Latest, err)
	}
	if pushed.Kept != "" {
		return pushed, nil
	}
	if err := u.registry.Retag(ctx, pushed.Digest, Latest); err != nil {
		return Pushed{}, fmt.Errorf("%s is pushed, but %s does not name it yet: %w: running it again uploads nothing and finishes it", u.ref, Latest, err)
	}
	return pushed, nil
}

// keeps returns the reason why latest is not moved: it names a newer commit, or one that this checkout does not hold
// because it was pushed later. The registry has no conditional write, so that a push that moves latest between this
// check and the move goes unnoticed.
func (u upload) keeps(ctx context.Context) (reason string, err error) {
	if u.history == "" {
		return "", nil
	}
	digest, err := u.registry.Digest(ctx, Latest)
	if err != nil || digest == "" {
		return "", err
	}
	now, err := u.registry.Commit(ctx, Latest)
	if err != nil {
		return "", err
	}
	relation, err := Compare(ctx, u.history, u.commit, now)
	switch {
	case err != nil:
		return "", err
	case relation == Older:
		return fmt.Sprintf("commit %s is older than %s", u.commit, now), nil
	case relation == Unknown:
		return fmt.Sprintf("it names %s of commit %q, which this checkout does not hold; a push without -onlyForward moves it", digest, now), nil
	}
	return "", nil
}

// send uploads the image and reads back its digest, because another push of the same commit may have come first.
func (u upload) send(ctx context.Context) (digest string, err error) {
	if err := u.cli.tag(ctx, u.local.ID, u.ref); err != nil {
		return "", err
	}
	sent := u.cli.push(ctx, u.ref)
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryLimit)
	defer cancel()
	digest, err = u.registry.Digest(reading, u.commit)
	switch {
	case sent != nil && (err != nil || digest == ""):
		return "", fmt.Errorf("%w: the credentials must be allowed to push to %s; running it again continues after the layers that were uploaded", sent, u.registry.URI())
	case err != nil:
		return "", err
	case digest == "":
		return "", fmt.Errorf("%s was uploaded, but the registry does not return it: run it again", u.ref)
	}
	return digest, u.verify(ctx, digest)
}

// verify compares the image in the registry with the one in the engine, or only its commit if the engine has none.
func (u upload) verify(ctx context.Context, digest string) error {
	if u.local != nil {
		now, err := u.cli.inspect(ctx, u.local.ID)
		if err == nil && slices.Contains(now.digests(u.registry.URI()), digest) {
			return nil
		}
	}
	remote := u.registry.URI() + "@" + digest
	if err := u.cli.pull(ctx, remote); err != nil {
		return err
	}
	held, err := u.cli.inspect(ctx, remote)
	switch {
	case err != nil:
		return err
	case u.local != nil && !held.same(*u.local):
		return &ConflictError{u.ref, digest, u.local.ID}
	case u.local == nil && held.Config.Labels[revisionLabel] != u.commit:
		return fmt.Errorf("the registry already holds %s as %s, built from %q: retag or remove it in the registry", u.ref, digest, held.Config.Labels[revisionLabel])
	}
	return nil
}
