package docker_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	ggcr "github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

// pushIndex pushes an index whose only manifest is a release's, as a build with attestations does, and returns the same
// image by the index's digest.
func (l *lab) pushIndex(r rollout.Release) rollout.Release {
	l.t.Helper()
	plain, err := name.NewDigest(r.Image)
	require.NoError(l.t, err)
	image, err := ggcr.Image(plain)
	require.NoError(l.t, err)
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
		Platform: &v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
	}})
	digest, err := index.Digest()
	require.NoError(l.t, err)
	require.NoError(l.t, ggcr.WriteIndex(plain.Context().Tag("index"), index))
	return rollout.Release{Image: l.repository + "@" + digest.String(), Commit: r.Commit}
}

// One image has two digests, its manifest's and that of an index. The one that a container was created from counts, in
// whichever order they were pulled.
func TestOneImageUnderTwoDigests(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"manifest first", "index first"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			first := l.push(time.Hour, map[string]string{"GIT_COMMIT": "one"})
			second := l.pushIndex(first)
			if order == "index first" {
				first, second = second, first
			}
			l.deploy(first)
			h := l.host()
			require.NoError(t, h.Prepare(t.Context(), second, nil), "the engine then knows both digests")
			l.serves(first)
			l.swap(h, second)
			state, err := l.host().Inspect(t.Context())
			require.NoError(t, err)
			require.Equal(t, second.Image, state.Release.Image)
			require.Empty(t, state.SameImage)
			require.NoError(t, l.host().Revert(t.Context()))
			l.serves(first)
			l.deploy(second)
			l.serves(second)
		})
	}
}

// A container that was started by a tag does not tell from which digest: any of its image's is its release.
func TestAContainerThatWasStartedByATagHasAllDigestsOfItsImage(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	plain := l.push(time.Hour, map[string]string{"GIT_COMMIT": "one"})
	index := l.pushIndex(plain)
	require.NoError(t, l.host().Prepare(t.Context(), plain, nil))
	require.NoError(t, l.host().Prepare(t.Context(), index, nil))
	tag := l.repository + ":latest"
	_, err := l.api.ImageTag(t.Context(), client.ImageTagOptions{Source: plain.Image, Target: tag})
	require.NoError(t, err)
	l.runByHand(plain, "", func(o *client.ContainerCreateOptions) { o.Config.Image = tag })
	state, err := l.host().Inspect(t.Context())
	require.NoError(t, err)
	require.Equal(t, "one", state.Release.Commit)
	require.True(t, strings.HasPrefix(state.Release.Image, l.repository+"@"), state.Release.Image)
	require.True(t, state.Runs(plain.Digest()))
	require.True(t, state.Runs(index.Digest()))
	require.False(t, state.Runs("sha256:"+strings.Repeat("a", 64)))
}
