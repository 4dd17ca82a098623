package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var _ Store = (*S3)(nil)

// S3Options is the place of a ledger in S3.
type S3Options struct {
	// Bucket is the bucket's name. Required.
	Bucket string
	// Prefix is put before every key, such as "deploy". Empty: there is none.
	Prefix string
	// Region is the bucket's. Empty: the region of the aws.Config.
	Region string
}

// S3 is a store in an S3 bucket. Writes are conditional (If-None-Match and
// If-Match), so no other service is needed for locking. The caller needs
// s3:GetObject and s3:PutObject on the prefix, and s3:ListBucket on the bucket for keys below the prefix. For a role that may
// list the bucket only under a condition on s3:prefix, S3 may return 403 for an object that does not exist, which is
// ErrHidden.
//
// It uses the SDK's client with one attempt for each call. The ledger makes further ones, because it has to read the object
// back first after a write without a response.
type S3 struct {
	client  *s3.Client
	options S3Options
}

// NewS3FromConfig returns the store that cfg reaches, with its credentials, HTTP client and endpoints. At an endpoint of
// one's own (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or the shared configuration file) the bucket is in the path. Redirects
// are not followed, because S3's lead to another region, for which the request is not signed. It makes no call.
func NewS3FromConfig(cfg aws.Config, o S3Options) (*S3, error) {
	if o.Region == "" {
		o.Region = cfg.Region
	}
	if o.Region == "" {
		return nil, fmt.Errorf("open bucket %s: no AWS region: set AWS_REGION or name it in the profile", o.Bucket)
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("open the ledger's bucket: %w", err)
	}
	if o.Prefix != "" {
		o.Prefix += "/"
	}
	client := s3.NewFromConfig(cfg, func(so *s3.Options) {
		so.Region = o.Region
		so.Retryer = aws.NopRetryer{}
		so.HTTPClient = withoutRedirects(cfg.HTTPClient)
		so.UsePathStyle = so.BaseEndpoint != nil
		// A checksum is sent with each object, whatever is configured.
		so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		so.Credentials = explained{cfg.Credentials}
	})
	if err := errors.Join(checkRegion(o.Region), checkEndpoint(client.Options().BaseEndpoint)); err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", o.Bucket, err)
	}
	return &S3{client: client, options: o}, nil
}

// check refuses names that are not plain parts of a key, and trims the prefix.
func (o *S3Options) check() error {
	if err := checkName("bucket", o.Bucket); err != nil {
		return err
	}
	o.Prefix = strings.Trim(o.Prefix, "/")
	if o.Prefix == "" {
		return nil
	}
	for part := range strings.SplitSeq(o.Prefix, "/") {
		if err := checkName("prefix", part); err != nil {
			return err
		}
	}
	return nil
}

func (s *S3) String() string {
	return strings.TrimSuffix("s3://"+s.options.Bucket+"/"+s.options.Prefix, "/")
}

// Get implements Store.
func (s *S3) Get(ctx context.Context, key string) (Object, error) {
	answer, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.options.Bucket, Key: aws.String(s.options.Prefix + key)})
	if err != nil {
		err = s.hidden(s.explain(err), key)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrHidden) {
			return Object{Now: dateOf(err)}, err
		}
		return Object{}, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxObject+1))
	if err != nil {
		return Object{}, s.explain(&brokenError{fmt.Errorf("the answer broke off: %w", err)})
	}
	if len(data) > maxObject {
		return Object{}, fmt.Errorf("the answer is larger than %d bytes: not what this program writes", maxObject)
	}
	stamp, err := stampOf(answer.ETag, answer.ResultMetadata)
	if err != nil {
		return Object{}, err
	}
	if answer.LastModified == nil {
		return Object{}, errors.New("the store's answer has no Last-Modified: a lease cannot be judged without it")
	}
	return Object{Data: data, Version: stamp.Version, Modified: *answer.LastModified, Now: stamp.Now}, nil
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, key string, data []byte, version Version) (Stamp, error) {
	if len(data) > maxObject {
		return Stamp{}, fmt.Errorf("the object has %d bytes, more than the %d that are read again", len(data), maxObject)
	}
	// A bucket with Object Lock takes no object without a checksum.
	sum := sha256.Sum256(data)
	input := &s3.PutObjectInput{
		Bucket: &s.options.Bucket, Key: aws.String(s.options.Prefix + key), Body: bytes.NewReader(data),
		ContentType: aws.String("application/json"), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	}
	if version == Absent {
		input.IfNoneMatch = aws.String("*")
	} else {
		input.IfMatch = aws.String(string(version))
	}
	answer, err := s.client.PutObject(ctx, input)
	if err != nil {
		if err = s.explain(err); errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("%w: %w", ErrConflict, err) // it was removed
		}
		return Stamp{}, err
	}
	return stampOf(answer.ETag, answer.ResultMetadata)
}

// stampOf returns the version in a response, and the store's time, which is its Date header, in whole seconds.
func stampOf(etag *string, metadata middleware.Metadata) (Stamp, error) {
	response, ok := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response)
	if !ok {
		return Stamp{}, errors.New("the store's answer has no header")
	}
	if response.StatusCode != http.StatusOK {
		return Stamp{}, &s3Error{status: response.StatusCode, code: statusCode(response.StatusCode)}
	}
	if aws.ToString(etag) == "" {
		return Stamp{}, errors.New("the store's answer has no ETag: a write cannot be conditional without it")
	}
	at, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return Stamp{}, errors.New("the store's answer has no Date: a lease cannot be judged without its clock")
	}
	return Stamp{Version: Version(*etag), Now: at}, nil
}

// List implements Store.
func (s *S3) List(ctx context.Context, prefix string) ([]Info, error) {
	input := &s3.ListObjectsV2Input{Bucket: &s.options.Bucket, Prefix: aws.String(s.options.Prefix + prefix)}
	var infos []Info
	for {
		page, err := s.client.ListObjectsV2(ctx, input)
		if err != nil {
			return nil, s.explain(err)
		}
		for _, object := range page.Contents {
			infos = append(infos, Info{Key: strings.TrimPrefix(aws.ToString(object.Key), s.options.Prefix), Modified: aws.ToTime(object.LastModified)})
		}
		if !aws.ToBool(page.IsTruncated) {
			return infos, nil
		}
		if next := aws.ToString(page.NextContinuationToken); next == "" || next == aws.ToString(input.ContinuationToken) {
			return nil, fmt.Errorf("the list breaks off after %d objects: the store does not name the next page", len(infos))
		}
		input.ContinuationToken = page.NextContinuationToken
	}
}

// dateOf returns the Date header of a response that is an error; zero if it has none.
func dateOf(err error) time.Time {
	var refused *s3Error
	if !errors.As(err, &refused) {
		return time.Time{}
	}
	return refused.date
}
