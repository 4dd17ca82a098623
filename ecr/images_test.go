package ecr

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	monday  = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	unknown = "sha256:" + strings.Repeat("0", 64)
)

func TestResolve(t *testing.T) {
	f, r := newFake(t)
	digest := f.push("manifest one", monday, sha1, "latest")

	image, err := r.Resolve(t.Context(), "latest")
	require.NoError(t, err)
	assert.Equal(t, Image{Digest: digest, Tags: []string{sha1, "latest"}, PushedAt: monday, Size: 12, Commit: sha1}, utc(image))

	image, err = r.ResolveDigest(t.Context(), digest)
	require.NoError(t, err)
	assert.Equal(t, sha1, image.Commit)

	call := f.called("DescribeImages")[0]
	assert.Equal(t, "us-west-1", call.region, "the registry's region, not the instances'")
	assert.Equal(t, "123456789012", call.in.Registry)
}

func TestResolveUnknown(t *testing.T) {
	_, r := newFake(t)
	_, err := r.Resolve(t.Context(), sha1)
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorContains(t, err, "resolve tag "+sha1+" of growl-backend: image not found")
	_, err = r.ResolveDigest(t.Context(), unknown)
	require.ErrorIs(t, err, ErrNotFound)
}

func TestResolveRefusesMalformedBeforeAnyCall(t *testing.T) {
	f, r := newFake(t)
	for _, tag := range []string{"", "a b", "-x", "../x", "a:b", "a\nb", strings.Repeat("a", 129), "é"} {
		_, err := r.Resolve(t.Context(), tag)
		require.ErrorContains(t, err, "want at most 128 letters", tag)
		assert.NotContains(t, err.Error(), "\n")
	}
	for _, digest := range []string{"", "sha256:", "sha256:abc", sha1, "md5:" + strings.Repeat("0", 32), "sha512:" + strings.Repeat("0", 128), "sha256:" + strings.Repeat("G", 64)} {
		_, err := r.ResolveDigest(t.Context(), digest)
		require.ErrorContains(t, err, "want sha256:<64 hex digits>", digest)
		require.ErrorContains(t, r.Retag(t.Context(), digest, "latest"), "want sha256:<64 hex digits>")
	}
	require.ErrorContains(t, r.Retag(t.Context(), unknown, "a b"), "invalid tag format")
	assert.Empty(t, f.calls)
}

func TestCommitIsTheOnlyTagThatIsASHA(t *testing.T) {
	tests := []struct {
		want string
		tags []string
	}{
		{sha1, []string{"latest", sha1, "deployed-dev"}},
		{sha1, []string{sha1, sha2[:39], sha2 + "0"}},
		{sha2, []string{sha2, "ABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD"}},
		{"", []string{sha1, sha2}},
		{"", nil},
	}
	for _, test := range tests {
		assert.Equal(t, test.want, commitOf(test.tags), test.tags)
	}
}

func TestRecentReadsAllPagesNewestFirst(t *testing.T) {
	const sha3 = "3333333333333333333333333333333333333333"
	f, r := newFake(t)
	f.page = 2
	f.push("untagged", monday.Add(9*time.Hour))
	for i, tags := range [][]string{{sha1}, {"v1.2", "deployed-dev"}, {sha3, "deployed-dev"}, {sha2}} {
		f.push(tags[0], monday.Add(time.Duration((i*3)%4)*time.Hour), tags...)
	}
	images, err := r.Recent(t.Context(), 3)
	require.NoError(t, err)
	assert.Equal(t, []string{"deployed-dev, v1.2", sha3, sha2}, names(images))
	assert.Len(t, f.called("DescribeImages"), 2)

	all, err := r.Recent(t.Context(), 100)
	require.NoError(t, err)
	assert.Equal(t, []string{"deployed-dev, v1.2", sha3, sha2, sha1}, names(all))
	none, err := r.Recent(t.Context(), -1)
	require.NoError(t, err)
	assert.Empty(t, none)
}

func names(images []Image) (all []string) {
	for _, image := range images {
		all = append(all, image.Names())
	}
	return all
}

func TestNamesOfAnImage(t *testing.T) {
	for want, image := range map[string]Image{
		"v1.2":             {Tags: []string{"v1.2"}},
		"latest, v1.2":     {Tags: []string{"v1.2", "latest"}},
		sha1:               {Tags: []string{"latest", sha1}, Commit: sha1},
		sha1 + ", " + sha2: {Tags: []string{sha2, sha1}},
		"":                 {Digest: unknown},
	} {
		assert.Equal(t, want, image.Names())
	}
}

func TestThrottledCallsAreTriedTenTimes(t *testing.T) {
	f, r := newFake(t)
	f.push("manifest one", monday, sha1)
	f.set(func() { f.throttle = 9 })
	_, err := r.Resolve(t.Context(), sha1)
	require.NoError(t, err)

	f.set(func() { f.throttle, f.calls = 1000, nil })
	_, err = r.Resolve(t.Context(), sha1)
	require.ErrorContains(t, err, "ThrottlingException")
	assert.Len(t, f.called("DescribeImages"), 10)
}

func TestAMissingRepositoryIsNamedWithItsRegistry(t *testing.T) {
	_, r := newFake(t)
	other, err := open(r.api, "123456789012.dkr.ecr.us-west-1.amazonaws.com/other", "")
	require.NoError(t, err)
	_, err = other.Resolve(t.Context(), sha1)
	require.ErrorContains(t, err, "there is no repository other in registry 123456789012 in us-west-1")
	assert.NotErrorIs(t, err, ErrNotFound)
}

func TestRefusedCredentialsNameTheRemedy(t *testing.T) {
	for _, code := range []string{"ExpiredTokenException", "UnrecognizedClientException"} {
		f, r := newFake(t)
		f.set(func() { f.refuse = code })
		_, err := r.Credentials(t.Context())
		require.ErrorContains(t, err, "aws sso login", code)
		assert.NotContains(t, err.Error(), "secret-key-of-the-test")
		_, err = r.Resolve(t.Context(), sha1)
		require.ErrorContains(t, err, "aws sso login", code)
		require.ErrorContains(t, r.Retag(t.Context(), unknown, "latest"), "aws sso login", code)
	}
}

func TestAnExpiredSessionNamesTheRemedy(t *testing.T) {
	r, err := NewFromConfig(aws.Config{Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, &ssocreds.InvalidTokenError{Err: errors.New("token has expired")}
	})}, repositoryURI, Options{})
	require.NoError(t, err)
	_, err = r.Resolve(t.Context(), sha1)
	require.ErrorContains(t, err, "aws sso login")
}

func TestMissingCredentialsNameTheRemedy(t *testing.T) {
	for _, variable := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(variable, "")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-west-1"))
	require.NoError(t, err)
	r, err := NewFromConfig(cfg, repositoryURI, Options{})
	require.NoError(t, err)
	_, err = r.Resolve(t.Context(), sha1)
	require.ErrorContains(t, err, "resolve tag "+sha1+" of growl-backend: there are no AWS credentials: run `aws sso login`, or set AWS_PROFILE: ")
}

func utc(image Image) Image {
	image.PushedAt = image.PushedAt.UTC()
	return image
}
