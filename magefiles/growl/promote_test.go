package growl_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
)

// handOver deletes the claims of target groups, as a person does who gives them to another environment.
func (s *stack) handOver() {
	t, bucket := s.t, s.bucket()
	t.Helper()
	name, prefix := defaultBucket, ledgerPrefix+"/claims/"
	claims, err := bucket.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &name, Prefix: &prefix})
	require.NoError(t, err)
	require.NotEmpty(t, claims.Contents)
	for _, claim := range claims.Contents {
		_, err := bucket.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &name, Key: claim.Key})
		require.NoError(t, err)
	}
}

// TestProdGetsWhatDevRan deploys to an environment prod that has the instances of the sandbox's dev.
func TestProdGetsWhatDevRan(t *testing.T) {
	needTime(t)
	t.Parallel()
	s := newStack(t, "-instances=1")
	sha := s.vars["V2"]
	fleet, err := os.ReadFile(s.vars["FLEET"])
	require.NoError(t, err)
	s.write("prod.json", strings.Replace(string(fleet), `"dev"`, `"prod"`, 1))
	file := s.path("report.json")
	prod := func(sha string, flags ...string) []string {
		return append([]string{"deploy:prod", sha, "-yes", s.policy(), "-allowDowntime", "-fleet=" + s.path("prod.json"), "-report=" + file}, flags...)
	}

	output := s.ok(prod(sha)...)
	assert.Contains(t, output, "dev never ran commit "+sha)
	report, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(report), "dev never ran commit "+sha, "it is in the report")

	s.handOver()
	s.ok(append(s.deploy(sha), "-allowDowntime")...)
	s.handOver()
	assert.NotContains(t, s.ok(prod(sha)...), "dev never ran")

	images, err := ecr.NewFromConfig(s.aws(t), s.fleet.Repository, ecr.Options{Region: s.fleet.RegistryRegion})
	require.NoError(t, err)
	ran, err := images.Resolve(t.Context(), sha)
	require.NoError(t, err)
	moved := s.publish(sha, sha) // another image of the same commit
	require.NotEqual(t, ran.Digest, moved)
	before := s.inspect(t)
	last := s.refuses(nil, prod(sha)...)
	assert.Contains(t, last, "now names "+moved+", but dev's run ")
	assert.Contains(t, last, "deployed "+ran.Digest)
	assert.Equal(t, before, s.inspect(t))

	s.ok(prod(sha, "-digest="+ran.Digest)...)
	report, err = os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(report), "-digest="+ran.Digest+": this image was chosen by its digest")
	assert.Contains(t, string(report), ran.Digest)

	assert.Contains(t, s.refuses(nil, prod(s.vars["V1"], "-digest="+moved)...), "is the image of commit "+sha+", not of "+s.vars["V1"])

	stamp, err := s.store(t).Get(t.Context(), "growl-backend/dev/current")
	require.NoError(t, err)
	_, err = s.store(t).Put(t.Context(), "growl-backend/dev/current", []byte("cut off"), stamp.Version)
	require.NoError(t, err)
	last = s.refuses(nil, prod(sha)...)
	assert.Contains(t, last, "compare the image of "+sha+" with what dev ran")
	assert.Contains(t, last, "the role of prod has to be allowed to read dev's history")
}
