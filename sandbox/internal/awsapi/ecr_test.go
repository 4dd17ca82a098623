package awsapi_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/registry"
)

const mediaType = "application/vnd.oci.image.manifest.v1+json"

// image puts a manifest without layers, distinct by its name, under tags.
func (c *cloud) image(t *testing.T, repository, name string, tags ...string) registry.Image {
	content := []byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"annotations":{"name":%q}}`, mediaType, name))
	var image registry.Image
	for _, tag := range tags {
		var err error
		image, err = c.registry.PutManifest(repository, tag, mediaType, content)
		require.NoError(t, err)
	}
	return image
}

func TestAuthorizationTokenOpensTheRegistry(t *testing.T) {
	c := newCloud(t)
	out, err := c.ecr.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	require.NoError(t, err)
	require.Len(t, out.AuthorizationData, 1)
	data := out.AuthorizationData[0]
	assert.Equal(t, "http://127.0.0.1:5000", *data.ProxyEndpoint)
	assert.WithinDuration(t, time.Now().Add(12*time.Hour), *data.ExpiresAt, time.Minute)
	login, err := base64.StdEncoding.DecodeString(*data.AuthorizationToken)
	require.NoError(t, err)
	user, password, _ := strings.Cut(string(login), ":")
	request := httptest.NewRequest(http.MethodGet, "/v2/", nil)
	request.SetBasicAuth(user, password)
	answer := httptest.NewRecorder()
	c.registry.ServeHTTP(answer, request)
	assert.Equal(t, http.StatusOK, answer.Code)
}

func TestRepositories(t *testing.T) {
	c := newCloud(t, registry.Repository{Name: "web"}, registry.Repository{Name: "api"})
	out, err := c.ecr.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{})
	require.NoError(t, err)
	require.Len(t, out.Repositories, 2)
	one, err := c.ecr.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"api"}})
	require.NoError(t, err)
	require.Len(t, one.Repositories, 1)
	api := one.Repositories[0]
	assert.Equal(t, "127.0.0.1:5000/api", *api.RepositoryUri)
	assert.Equal(t, "arn:aws:ecr:us-west-1:123456789012:repository/api", *api.RepositoryArn)
	assert.WithinDuration(t, time.Now(), *api.CreatedAt, time.Minute)
	var none *types.RepositoryNotFoundException
	_, err = c.ecr.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"none"}})
	require.ErrorAs(t, err, &none)
	_, err = c.ecr.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("none")})
	require.ErrorAs(t, err, &none)
	_, err = c.ecr.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("web"), RegistryId: aws.String("999999999999")})
	require.ErrorAs(t, err, &none)
}

func TestDescribeImages(t *testing.T) {
	c := newCloud(t, registry.Repository{Name: "web"})
	first := c.image(t, "web", "first", "v1", "latest")
	second := c.image(t, "web", "second", "v2")
	describe := func(ids ...types.ImageIdentifier) ([]types.ImageDetail, error) {
		out, err := c.ecr.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("web"), ImageIds: ids})
		if err != nil {
			return nil, err
		}
		return out.ImageDetails, nil
	}
	byTag, err := describe(types.ImageIdentifier{ImageTag: aws.String("v1")})
	require.NoError(t, err)
	require.Len(t, byTag, 1)
	assert.Equal(t, first.Digest, *byTag[0].ImageDigest)
	assert.Equal(t, []string{"latest", "v1"}, byTag[0].ImageTags)
	assert.Equal(t, mediaType, *byTag[0].ImageManifestMediaType)
	assert.WithinDuration(t, time.Now(), *byTag[0].ImagePushedAt, time.Minute)
	assert.NotNil(t, byTag[0].ImageSizeInBytes)
	byDigest, err := describe(types.ImageIdentifier{ImageDigest: &second.Digest})
	require.NoError(t, err)
	assert.Equal(t, []string{"v2"}, byDigest[0].ImageTags)
	all, err := describe()
	require.NoError(t, err)
	assert.Len(t, all, 2)

	var none *types.ImageNotFoundException
	_, err = describe(types.ImageIdentifier{ImageTag: aws.String("none")})
	require.ErrorAs(t, err, &none)
	assert.Contains(t, none.ErrorMessage(), "imageTag:'none'")
	_, err = describe(types.ImageIdentifier{ImageTag: aws.String("v1"), ImageDigest: &second.Digest})
	require.ErrorAs(t, err, &none)
	var bad *types.InvalidParameterException
	_, err = describe(types.ImageIdentifier{})
	require.ErrorAs(t, err, &bad)
}

func TestListsArePaged(t *testing.T) {
	c := newCloud(t, registry.Repository{Name: "web"})
	for i := range 5 {
		c.image(t, "web", fmt.Sprint(i), fmt.Sprintf("v%d", i))
	}
	c.image(t, "web", "moved", "v0")
	images := ecr.NewDescribeImagesPaginator(c.ecr, &ecr.DescribeImagesInput{RepositoryName: aws.String("web"), MaxResults: aws.Int32(2)})
	var digests []string
	for images.HasMorePages() {
		page, err := images.NextPage(t.Context())
		require.NoError(t, err)
		assert.Len(t, page.ImageDetails, 2)
		for _, image := range page.ImageDetails {
			digests = append(digests, *image.ImageDigest)
		}
	}
	assert.Len(t, digests, 6)
	list := func(status types.TagStatus) int {
		out, err := c.ecr.ListImages(t.Context(), &ecr.ListImagesInput{RepositoryName: aws.String("web"), Filter: &types.ListImagesFilter{TagStatus: status}})
		require.NoError(t, err)
		return len(out.ImageIds)
	}
	assert.Equal(t, 5, list(types.TagStatusTagged))
	assert.Equal(t, 1, list(types.TagStatusUntagged))
	assert.Equal(t, 6, list(types.TagStatusAny))
	var bad *types.InvalidParameterException
	_, err := c.ecr.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("web"), NextToken: aws.String("x")})
	require.ErrorAs(t, err, &bad)
}

func TestBatchGetImageAnswersFailuresWith200(t *testing.T) {
	c := newCloud(t, registry.Repository{Name: "web"})
	image := c.image(t, "web", "first", "v1")
	out, err := c.ecr.BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{
		{ImageTag: aws.String("v1")},
		{ImageTag: aws.String("none")},
		{ImageTag: aws.String("v1"), ImageDigest: aws.String("sha256:00")},
		{},
	}})
	require.NoError(t, err)
	require.Len(t, out.Images, 1)
	assert.Equal(t, string(image.Manifest), *out.Images[0].ImageManifest)
	assert.Equal(t, mediaType, *out.Images[0].ImageManifestMediaType)
	assert.Equal(t, image.Digest, *out.Images[0].ImageId.ImageDigest)
	require.Len(t, out.Failures, 3)
	assert.Equal(t, types.ImageFailureCodeImageNotFound, out.Failures[0].FailureCode)
	assert.Equal(t, "none", *out.Failures[0].ImageId.ImageTag)
	assert.Equal(t, types.ImageFailureCodeImageTagDoesNotMatchDigest, out.Failures[1].FailureCode)
	assert.Equal(t, types.ImageFailureCodeMissingDigestAndTag, out.Failures[2].FailureCode)
}

func TestPutImage(t *testing.T) {
	c := newCloud(t, registry.Repository{Name: "web"})
	first := c.image(t, "web", "first", "v1")
	second := c.image(t, "web", "second", "v2")
	put := func(tag string, image registry.Image, digest *string) (*ecr.PutImageOutput, error) {
		return c.ecr.PutImage(t.Context(), &ecr.PutImageInput{
			RepositoryName: aws.String("web"), ImageTag: &tag, ImageDigest: digest,
			ImageManifest: aws.String(string(image.Manifest)), ImageManifestMediaType: &image.MediaType,
		})
	}
	out, err := put("deployed-dev", first, &first.Digest)
	require.NoError(t, err)
	assert.Equal(t, first.Digest, *out.Image.ImageId.ImageDigest)
	record, err := c.registry.Image("web", "deployed-dev")
	require.NoError(t, err)
	assert.Equal(t, first.Digest, record.Digest)

	var exists *types.ImageAlreadyExistsException
	_, err = put("deployed-dev", first, nil)
	require.ErrorAs(t, err, &exists)
	var mismatch *types.ImageDigestDoesNotMatchException
	_, err = put("v3", second, &first.Digest)
	require.ErrorAs(t, err, &mismatch)
	var bad *types.InvalidParameterException
	_, err = put("v 3", second, nil)
	require.ErrorAs(t, err, &bad)
	_, err = put("v3", registry.Image{Manifest: []byte("none"), MediaType: mediaType}, nil)
	require.ErrorAs(t, err, &bad)
	_, err = put("v3", registry.Image{Manifest: []byte("{}")}, nil)
	require.ErrorAs(t, err, &bad)
	var layers *types.LayersNotFoundException
	_, err = put("v3", registry.Image{Manifest: []byte(`{"layers":[{"digest":"sha256:00"}]}`), MediaType: mediaType}, nil)
	require.ErrorAs(t, err, &layers)
	_, err = c.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("new")})
	assert.Equal(t, "UnknownOperationException", code(t, err))
	assert.ErrorContains(t, err, "CreateRepository")
}
