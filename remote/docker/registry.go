package docker

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"github.com/growl-dev/deploy/rollout"
)

// checkRegistry has the engine read the release's manifest at the registry, with the login that a pull would use,
// and compares what it is built for with the machine. An old engine does not name the platforms of every image:
// then the pull finds out.
func (s imageStore) checkRegistry(ctx context.Context, r rollout.Release, info system.Info) error {
	auth, err := s.registryAuth(ctx, r)
	if err != nil {
		return fmt.Errorf("%w: get the registry's login: %w", ErrPull, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := s.engine.DistributionInspect(ctx, r.Image, client.DistributionInspectOptions{EncodedRegistryAuth: auth})
	if err != nil {
		return pullError(err)
	}
	for _, p := range found.Platforms {
		if !differ(p.OS, info.OSType) && !differ(p.Architecture, goArch(info.Architecture)) {
			return nil
		}
	}
	if len(found.Platforms) == 0 {
		return nil
	}
	return builtFor(found.Platforms[0].OS, found.Platforms[0].Architecture, info)
}

// builtFor is the error of an image that is built for another kind of machine.
func builtFor(os, architecture string, info system.Info) error {
	return fmt.Errorf("%w: it is built for %s/%s and the instance is %s/%s", ErrImage, os, architecture, info.OSType, info.Architecture)
}
