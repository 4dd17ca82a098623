package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"
)

// maxAnswer bounds what is read of an answer, in bytes: a bucket may hold anything.
const maxAnswer = 16 << 20

// s3Client makes calls to one bucket, one attempt each, signed with Signature
// Version 4. It stands in for the SDK's S3 client, which for the three calls of a
// ledger takes longer to compile than any other package here.
type s3Client struct {
	http        aws.HTTPClient
	credentials aws.CredentialsProvider
	signer      *v4.Signer
	region      string
	// bucket is its address, without a slash at the end.
	bucket url.URL
	// keepClock is a user's wish to sign by the local clock whatever S3 says.
	keepClock bool
	// ahead is how far S3's clock is ahead of the local one, in nanoseconds, once
	// S3 has refused the local one.
	ahead atomic.Int64
}

// newS3Client takes what it needs of cfg; o is complete.
func newS3Client(cfg aws.Config, o S3Options) (*s3Client, error) {
	bucket, err := bucketAddress(cfg, o)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", o.Bucket, err)
	}
	return &s3Client{
		http: httpClient(cfg.HTTPClient), credentials: cfg.Credentials,
		// S3 alone wants the path escaped once in what is signed, not twice.
		signer: v4.NewSigner(func(s *v4.SignerOptions) { s.DisableURIPathEscaping = true }),
		region: o.Region, bucket: bucket, keepClock: cfg.DisableClockSkewCorrection,
	}, nil
}

// s3Call is one call. An empty key means the bucket itself.
type s3Call struct {
	method string
	key    string
	query  url.Values
	header http.Header
	body   []byte
}

// s3Answer is an answer that is no error.
type s3Answer struct {
	header http.Header
	body   []byte
}

// do makes the call. A refusal is an [*s3Error], an answer that did not arrive
// whole a [*brokenError].
func (c *s3Client) do(ctx context.Context, call s3Call) (s3Answer, error) {
	request, err := c.request(ctx, call)
	if err != nil {
		return s3Answer{}, err
	}
	ahead := time.Duration(c.ahead.Load())
	if err := c.sign(request, time.Now().Add(ahead)); err != nil {
		return s3Answer{}, err
	}
	response, err := c.http.Do(request)
	switch {
	case err != nil && ctx.Err() != nil:
		return s3Answer{}, err
	case err != nil:
		return s3Answer{}, &brokenError{err}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return s3Answer{}, c.refused(response, ahead)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return s3Answer{}, &brokenError{fmt.Errorf("the answer broke off: %w", err)}
	}
	if len(body) > maxAnswer {
		return s3Answer{}, fmt.Errorf("the answer is larger than %d bytes: not what this program writes", maxAnswer)
	}
	return s3Answer{header: response.Header, body: body}, nil
}

// request is the call before it is signed.
func (c *s3Client) request(ctx context.Context, call s3Call) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, call.method, c.address(call.key, call.query), bytes.NewReader(call.body))
	if err != nil {
		return nil, err
	}
	maps.Copy(request.Header, call.header)
	sum := sha256.Sum256(call.body)
	request.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	if call.method == http.MethodPut {
		// A bucket with Object Lock takes no object without a checksum.
		request.Header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:]))
	}
	return request, nil
}

// address escapes the key as Signature Version 4 has it, so that what is signed
// and what is sent are the same bytes.
func (c *s3Client) address(key string, query url.Values) string {
	address := c.bucket
	if key != "" || address.Path == "" {
		address.Path += "/" + key
	}
	address.RawPath = httpbinding.EscapePath(address.Path, false)
	address.RawQuery = query.Encode()
	return address.String()
}

// sign signs all headers that are set so far, with whichever credentials hold now.
func (c *s3Client) sign(request *http.Request, at time.Time) error {
	if c.credentials == nil {
		return fmt.Errorf("%w: there are no AWS credentials: run `aws sso login` or set AWS_PROFILE", ErrDenied)
	}
	ctx := request.Context()
	credentials, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("get the AWS credentials: %w", err)
	}
	err = c.signer.SignHTTP(ctx, credentials, request, request.Header.Get("X-Amz-Content-Sha256"), "s3", c.region, at)
	if err != nil {
		return fmt.Errorf("sign the request: %w", err)
	}
	// Proxies rewrite these two, so they are not signed.
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", "deploy")
	return nil
}

// date is the store's clock: the Date header of an answer, whole seconds.
func (a s3Answer) date() (time.Time, error) {
	at, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return time.Time{}, errors.New("the store's answer has no Date: a lease cannot be judged without its clock")
	}
	return at, nil
}
