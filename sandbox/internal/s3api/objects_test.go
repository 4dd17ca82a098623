package s3api_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/s3api"
)

func (c *cloud) put(t *testing.T, name, data string, change ...func(*s3.PutObjectInput)) (*s3.PutObjectOutput, error) {
	input := &s3.PutObjectInput{Bucket: aws.String(states), Key: &name, Body: strings.NewReader(data)}
	for _, f := range change {
		f(input)
	}
	return c.s3.PutObject(impatient(t), input)
}

func ifMatch(etag *string) func(*s3.PutObjectInput) {
	return func(i *s3.PutObjectInput) { i.IfMatch = etag }
}

func ifNone(i *s3.PutObjectInput) { i.IfNoneMatch = aws.String("*") }

func (c *cloud) get(t *testing.T, name string) string {
	t.Helper()
	out, err := c.s3.GetObject(impatient(t), &s3.GetObjectInput{Bucket: aws.String(states), Key: &name})
	require.NoError(t, err)
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	return string(data)
}

func TestObjectsComeBackAsTheyWere(t *testing.T) {
	c := newCloud(t)
	name := "env:/dev/a key+with spaces/ü.json"
	written, err := c.put(t, name, "hello", func(i *s3.PutObjectInput) {
		i.ContentType, i.ServerSideEncryption, i.SSEKMSKeyId = aws.String("text/x"), types.ServerSideEncryptionAwsKms, aws.String("alias/x")
	})
	require.NoError(t, err)
	assert.Equal(t, `"5d41402abc4b2a76b9719d911017c592"`, aws.ToString(written.ETag), "the MD5 sum")
	assert.Equal(t, types.ServerSideEncryptionAwsKms, written.ServerSideEncryption)
	assert.Equal(t, "hello", c.get(t, name))

	head, err := c.s3.HeadObject(impatient(t), &s3.HeadObjectInput{Bucket: aws.String(states), Key: &name})
	require.NoError(t, err)
	assert.EqualValues(t, 5, aws.ToInt64(head.ContentLength))
	assert.Equal(t, "text/x", aws.ToString(head.ContentType))
	assert.WithinDuration(t, time.Now(), aws.ToTime(head.LastModified), time.Minute)
	part, err := c.s3.GetObject(impatient(t), &s3.GetObjectInput{Bucket: aws.String(states), Key: &name, Range: aws.String("bytes=1-2")})
	require.NoError(t, err)
	data, err := io.ReadAll(part.Body)
	require.NoError(t, err)
	assert.Equal(t, "el", string(data))

	_, err = c.s3.DeleteObject(impatient(t), &s3.DeleteObjectInput{Bucket: aws.String(states), Key: &name})
	require.NoError(t, err)
	_, err = c.s3.GetObject(impatient(t), &s3.GetObjectInput{Bucket: aws.String(states), Key: &name})
	var missing *types.NoSuchKey
	require.ErrorAs(t, err, &missing)
	_, err = c.s3.HeadObject(impatient(t), &s3.HeadObjectInput{Bucket: aws.String(states), Key: &name})
	var notFound *types.NotFound
	require.ErrorAs(t, err, &notFound)
	_, err = c.s3.DeleteObject(impatient(t), &s3.DeleteObjectInput{Bucket: aws.String(states), Key: &name})
	require.NoError(t, err, "deleting what is not there is a success")
	assert.Equal(t, map[string]int{"PutObject": 1, "GetObject": 3, "HeadObject": 2, "DeleteObject": 2}, c.Calls())
}

func TestConditionalWrites(t *testing.T) {
	c := newCloud(t)
	_, err := c.put(t, "lock", "x", ifMatch(aws.String(`"0"`)))
	assert.Equal(t, "NoSuchKey", code(t, err))
	first, err := c.put(t, "lock", "one", ifNone)
	require.NoError(t, err)
	_, err = c.put(t, "lock", "two", ifNone)
	assert.Equal(t, "PreconditionFailed", code(t, err))
	_, err = c.put(t, "lock", "two", ifMatch(first.ETag))
	require.NoError(t, err)
	_, err = c.put(t, "lock", "three", ifMatch(first.ETag))
	assert.Equal(t, "PreconditionFailed", code(t, err))
	assert.Equal(t, "two", c.get(t, "lock"))

	_, err = c.s3.DeleteObject(impatient(t), &s3.DeleteObjectInput{Bucket: aws.String(states), Key: aws.String("lock"), IfMatch: first.ETag})
	assert.Equal(t, "PreconditionFailed", code(t, err))
	assert.Equal(t, "two", c.get(t, "lock"))
}

func TestStreamedBodies(t *testing.T) {
	c := newCloud(t)
	data := strings.Repeat("0123456789", 30_000)
	client := s3.NewFromConfig(c.config, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	_, err := client.PutObject(impatient(t), &s3.PutObjectInput{
		Bucket: aws.String(states), Key: aws.String("large"), Body: strings.NewReader(data), ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	require.NoError(t, err)
	assert.Equal(t, data, c.get(t, "large"))

	// What the SDK sends over TLS: chunks of its own with the checksum behind them.
	for want, body := range map[int]string{
		http.StatusOK:         "5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n",
		http.StatusBadRequest: "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
	} {
		request, err := http.NewRequestWithContext(impatient(t), http.MethodPut, c.url+"/"+states+"/chunked", strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Authorization", signed)
		request.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, want, answer.StatusCode)
	}
	assert.Equal(t, "hello world", c.get(t, "chunked"))
}

const signed = "AWS4-HMAC-SHA256 Credential=" + key + "/20260101/" + region + "/s3/aws4_request, SignedHeaders=host, Signature=00"

func TestLists(t *testing.T) {
	c := newCloud(t)
	for i := range 25 {
		_, err := c.put(t, fmt.Sprintf("env:/%02d/state", i), "x")
		require.NoError(t, err)
	}
	_, err := c.put(t, "other & <more>", "x")
	require.NoError(t, err)
	pages := s3.NewListObjectsV2Paginator(c.s3, &s3.ListObjectsV2Input{Bucket: aws.String(states), Prefix: aws.String("env:/"), MaxKeys: aws.Int32(10)})
	var keys []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(impatient(t))
		require.NoError(t, err)
		for _, object := range page.Contents {
			keys = append(keys, aws.ToString(object.Key))
		}
	}
	assert.Len(t, keys, 25)
	assert.Equal(t, 3, c.Calls()["ListObjectsV2"])

	folders, err := c.s3.ListObjectsV2(impatient(t), &s3.ListObjectsV2Input{Bucket: aws.String(states), Delimiter: aws.String("/")})
	require.NoError(t, err)
	require.Len(t, folders.CommonPrefixes, 1)
	assert.Equal(t, "env:/", aws.ToString(folders.CommonPrefixes[0].Prefix))
	require.Len(t, folders.Contents, 1)
	assert.Equal(t, "other & <more>", aws.ToString(folders.Contents[0].Key))

	old, err := c.s3.ListObjects(impatient(t), &s3.ListObjectsInput{Bucket: aws.String(states), MaxKeys: aws.Int32(20), Delimiter: aws.String("e")})
	require.NoError(t, err)
	assert.NotEmpty(t, old.CommonPrefixes)
}

func TestBuckets(t *testing.T) {
	c := newCloud(t)
	_, err := c.s3.HeadBucket(impatient(t), &s3.HeadBucketInput{Bucket: aws.String(states)})
	require.NoError(t, err)
	_, err = c.s3.HeadBucket(impatient(t), &s3.HeadBucketInput{Bucket: aws.String("none")})
	require.Error(t, err)
	location, err := c.s3.GetBucketLocation(impatient(t), &s3.GetBucketLocationInput{Bucket: aws.String(states)})
	require.NoError(t, err)
	assert.EqualValues(t, region, location.LocationConstraint)
	_, err = c.s3.CreateBucket(impatient(t), &s3.CreateBucketInput{Bucket: aws.String("second")})
	require.NoError(t, err)
	buckets, err := c.s3.ListBuckets(impatient(t), &s3.ListBucketsInput{})
	require.NoError(t, err)
	assert.Len(t, buckets.Buckets, 2)
	_, err = c.s3.PutObject(impatient(t), &s3.PutObjectInput{Bucket: aws.String("none"), Key: aws.String("x")})
	assert.Equal(t, "NoSuchBucket", code(t, err))
	_, err = c.s3.GetBucketVersioning(impatient(t), &s3.GetBucketVersioningInput{Bucket: aws.String(states)})
	assert.Equal(t, "NotImplemented", code(t, err))
}

func TestVirtualHostedAddressing(t *testing.T) {
	c := newCloud(t)
	_, err := c.put(t, "a/b", "x")
	require.NoError(t, err)
	for _, host := range []string{states + ".localhost:80", states + ".s3.us-west-1.amazonaws.com"} {
		request, err := http.NewRequestWithContext(impatient(t), http.MethodGet, c.url+"/a/b", nil)
		require.NoError(t, err)
		request.Host = host
		request.Header.Set("Authorization", signed)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		var body bytes.Buffer
		_, err = body.ReadFrom(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, "x", body.String())
	}
}

// TestTheFirstRegionHasNoName: S3 leaves the location of a bucket in us-east-1 empty.
func TestTheFirstRegionHasNoName(t *testing.T) {
	site := httptest.NewServer(s3api.New(s3api.Options{AccessKeyID: key, Region: "us-east-1", Buckets: []string{states}}))
	t.Cleanup(site.Close)
	cfg := loadConfig(t, site.URL, key)
	cfg.Region = "us-east-1"
	location, err := s3.NewFromConfig(cfg).GetBucketLocation(impatient(t), &s3.GetBucketLocationInput{Bucket: aws.String(states)})
	require.NoError(t, err)
	assert.Empty(t, location.LocationConstraint)
}

func TestCredentials(t *testing.T) {
	c := newCloud(t)
	c.s3 = s3.NewFromConfig(loadConfig(t, c.url, "AKIASTRANGER00000000"))
	_, err := c.put(t, "x", "x")
	assert.Equal(t, "InvalidAccessKeyId", code(t, err))
	elsewhere := c.config.Copy()
	elsewhere.Region = "eu-west-1"
	c.s3 = s3.NewFromConfig(elsewhere)
	_, err = c.put(t, "x", "x")
	assert.Equal(t, "AuthorizationHeaderMalformed", code(t, err))
	var refused *smithyhttp.ResponseError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, region, refused.Response.Header.Get("X-Amz-Bucket-Region"))
	answer, err := http.Get(c.url + "/" + states + "/x")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusForbidden, answer.StatusCode)
}

func FuzzRequests(f *testing.F) {
	f.Add("PUT", "/growl-states/a", "partNumber=1&uploadId=x", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "zz\r\n")
	f.Add("GET", "/growl-states", "list-type=2&max-keys=-1&continuation-token=%%%", "", "")
	f.Add("DELETE", "//", "", "", "")
	f.Add("GET", "/growl-states/a", "X-Amz-Credential=a/b", "", "")
	server := s3api.New(s3api.Options{AccessKeyID: key, Region: region, Buckets: []string{states}})
	f.Fuzz(func(t *testing.T, method, path, query, hash, body string) {
		request := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		request.Method, request.URL.Path, request.URL.RawQuery = method, path, query
		request.Header.Set("Authorization", signed)
		request.Header.Set("X-Amz-Content-Sha256", hash)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, request)
		if answer.Code != http.StatusNotImplemented {
			assert.Less(t, answer.Code, 500)
		}
		assert.NotEmpty(t, answer.Header().Get("Date"))
	})
}
