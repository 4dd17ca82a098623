package ecr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/sandbox"
)

// TestAgainstTheSandbox resolves, moves a tag and logs in to a real registry.
func TestAgainstTheSandbox(t *testing.T) {
	e, err := sandbox.Start(t.Context(), sandbox.Options{Instances: 1, Logf: t.Logf})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.Close()) })
	for _, variable := range e.Env() {
		if key, value, _ := strings.Cut(variable, "="); strings.HasPrefix(key, "AWS_") {
			t.Setenv(key, value)
		}
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(e.Fleet.Region))
	require.NoError(t, err)
	images, err := ecr.NewFromConfig(cfg, e.Fleet.Repository, ecr.Options{MaxBackoff: 10 * time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, e.Fault("aws-throttle"))

	v2, err := images.Resolve(t.Context(), e.V2)
	require.NoError(t, err)
	assert.Equal(t, e.V2, v2.Commit)
	assert.ElementsMatch(t, []string{e.V2, "latest"}, v2.Tags)
	byDigest, err := images.ResolveDigest(t.Context(), v2.Digest)
	require.NoError(t, err)
	assert.Equal(t, v2.Digest, byDigest.Digest)
	_, err = images.Resolve(t.Context(), "nobody-pushed-this")
	require.ErrorIs(t, err, ecr.ErrNotFound)
	recent, err := images.Recent(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, recent, 1)

	require.NoError(t, images.Retag(t.Context(), v2.Digest, "deployed-dev"))
	require.NoError(t, images.Retag(t.Context(), v2.Digest, "deployed-dev"), "once more is a success")

	login, err := images.Credentials(t.Context())
	require.NoError(t, err)
	ref, err := name.NewTag(images.URI() + ":deployed-dev")
	require.NoError(t, err)
	pulled, err := remote.Head(ref, remote.WithAuth(&authn.Basic{Username: login.Username, Password: login.Password}))
	require.NoError(t, err)
	assert.Equal(t, v2.Digest, pulled.Digest.String(), "the registry serves the digest that the API names")
}
