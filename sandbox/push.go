package sandbox

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// push makes a release's image, uploads it over the registry's protocol under
// these tags and returns its image ID.
func (e *Environment) push(ctx context.Context, r release, tags ...string) (id string, err error) {
	image, err := r.image()
	if err != nil {
		return "", err
	}
	token, _ := e.registry.Issue(nil)
	options := []remote.Option{
		remote.WithContext(ctx),
		remote.WithAuth(&authn.Basic{Username: "AWS", Password: token}),
	}
	for _, tag := range tags {
		ref, err := name.NewTag(e.Fleet.Repository + ":" + tag)
		if err != nil {
			return "", fmt.Errorf("push tag %s: %w", tag, err)
		}
		// The first write uploads the blobs; the next finds them there.
		if err := remote.Write(ref, image, options...); err != nil {
			return "", fmt.Errorf("push tag %s: %w", tag, err)
		}
		e.opts.Logf("pushed %s", ref)
	}
	config, err := image.ConfigName()
	if err != nil {
		return "", fmt.Errorf("push image of %s: %w", r.commit, err)
	}
	return config.String(), nil
}
