package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Latest is the tag that names the image pushed last.
const Latest = "latest"

// Registry is the repository that images go to.
type Registry interface {
	// URI is HOST/REPOSITORY.
	URI() string
	// Login returns a login for HOST.
	Login(ctx context.Context) (user, password string, err error)
	// Digest is what a tag names now; empty where the tag is not there.
	Digest(ctx context.Context, tag string) (string, error)
	// Commit returns the full SHA of the commit that the image under a tag was built from; empty if the registry does not
	// say it.
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
	// Present is set where it was there already and nothing was uploaded.
	Present bool
	// Kept says why latest was left at another image, with [Options.OnlyForward]; empty if it names this one.
	Kept string
}

// ConflictError says that the registry holds another image of the same commit.
type ConflictError struct {
	// Ref is REPOSITORY:COMMIT, Digest what it names, Local the image in the engine.
	Ref, Digest, Local string
}

// Error names both, and what to do.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s is there as %s and is not the image %s: images are built once: deploy that one, or commit and build anew", e.Ref, e.Digest, e.Local)
}

// Push uploads the image that [Build] made of the checked-out commit, and then
// makes latest name it. An image that is there already is compared and not
// uploaded again; another one under the same commit is a [*ConflictError]. The
// registry's token is in a Docker configuration of its own, which is removed.
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

// local is the image in the engine. Where the registry holds the commit, the
// engine need not: it is nil then.
func (o Options) local(ctx context.Context, commit string, optional bool) (*inspected, error) {
	ref := o.Name + ":" + commit
	there, err := docker{}.has(ctx, ref)
	switch {
	case err != nil:
		return nil, err
	case !there && optional:
		return nil, nil
	case !there:
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

// upload is one commit's way into the registry.
type upload struct {
	cli         docker
	registry    Registry
	commit, ref string
	local       *inspected
	// history is a folder of the checkout whose history says whether latest may move; empty if it always may.
	history string
}

// finish does what is left to do: what the registry holds under the commit is
// checked, what it lacks is uploaded, and latest follows.
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

// keeps returns why latest stays where it is: it names a newer commit, or one that this checkout does not hold, as when
// it was pushed after this checkout was made. The registry has no conditional write, so that a push that moves latest in
// the moment between this question and the move goes unnoticed.
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

// send uploads the image and reads back what the registry made of it: another
// push of the same commit may have come first.
func (u upload) send(ctx context.Context) (digest string, err error) {
	if err := u.cli.tag(ctx, u.local.ID, u.ref); err != nil {
		return "", err
	}
	sent := u.cli.push(ctx, u.ref)
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
	defer cancel()
	digest, err = u.registry.Digest(asking, u.commit)
	switch {
	case sent != nil && (err != nil || digest == ""):
		return "", fmt.Errorf("%w: the credentials must be allowed to push to %s; running it again goes on with the layers that are there", sent, u.registry.URI())
	case err != nil:
		return "", err
	case digest == "":
		return "", fmt.Errorf("%s was uploaded, and the registry does not know it: run it again", u.ref)
	}
	return digest, u.verify(ctx, digest)
}

// verify compares what the registry holds with the image in the engine, or with
// the commit alone where the engine has none.
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
		return fmt.Errorf("%s is there as %s, built from %q: retag or remove it in the registry", u.ref, digest, held.Config.Labels[revisionLabel])
	}
	return nil
}
