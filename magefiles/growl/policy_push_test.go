package growl_test

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
)

// push makes the calls of `mage push` as the job: resolve the tag, log in, upload, move latest. The upload uses
// go-containerregistry, because the policy depends on the registry's protocol and not on the client.
// TestDevsRoleMayBuildAndPush runs the targets themselves with a real engine, if there is one.
func (c *ci) push() {
	t := c.t
	images, err := ecr.NewFromConfig(c.aws(t), c.fleet.Repository, ecr.Options{Region: c.fleet.RegistryRegion})
	require.NoError(t, err)
	const tag = "0123456789abcdef0123456789abcdef01234567"
	_, err = images.Resolve(t.Context(), tag)
	require.ErrorIs(t, err, ecr.ErrNotFound)
	login, err := images.Credentials(t.Context())
	require.NoError(t, err)
	upload(t, c.fleet.Repository+":"+tag, login)
	pushed, err := images.Resolve(t.Context(), tag)
	require.NoError(t, err)
	require.NoError(t, images.Retag(t.Context(), pushed.Digest, "latest"))
}

func upload(t *testing.T, to string, login ecr.Credentials) {
	t.Helper()
	image, err := random.Image(4096, 2)
	require.NoError(t, err)
	ref, err := name.NewTag(to)
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, image, remote.WithContext(t.Context()),
		remote.WithAuth(&authn.Basic{Username: login.Username, Password: login.Password})))
}
