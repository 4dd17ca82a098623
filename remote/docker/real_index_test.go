package docker_test

import (
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	ggcr "github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// An image as BuildKit pushes it by default: an OCI index of the image and of an attestation, whose platform is unknown.
func TestAnIndexWithAnAttestationIsRolled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.deploy(l.push(2*time.Hour, map[string]string{"GIT_COMMIT": "old"}))
	pushed := l.push(time.Hour, map[string]string{"GIT_COMMIT": "attested"})
	ref, err := name.NewDigest(pushed.Image)
	require.NoError(t, err)
	image, err := ggcr.Image(ref)
	require.NoError(t, err)
	config, err := image.ConfigFile()
	require.NoError(t, err)
	index := mutate.IndexMediaType(mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: config.Platform()}},
		mutate.IndexAddendum{Add: mutate.MediaType(empty.Image, types.OCIManifestSchema1), Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{Architecture: "unknown", OS: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": pushed.Digest()},
		}},
	), types.OCIImageIndex)
	digest, err := index.Digest()
	require.NoError(t, err)
	tag, err := name.NewTag(l.repository + ":attested")
	require.NoError(t, err)
	require.NoError(t, ggcr.WriteIndex(tag, index))

	release := rollout.Release{Image: l.repository + "@" + digest.String(), Commit: "attested"}
	require.NoError(t, l.host().Check(t.Context(), release))
	l.deploy(release)
	l.serves(release)
}
