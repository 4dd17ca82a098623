package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
)

// maxObject bounds what is read of an object, in bytes: a bucket may hold anything.
const maxObject = 16 << 20

// s3API is the part of s3.Client that is called.
type s3API interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

var (
	_ s3API = (*s3.Client)(nil)
	_ Store = (*S3)(nil)
)

// S3Options says where in S3 the ledger is.
type S3Options struct {
	// Bucket is the bucket's name. Required.
	Bucket string
	// Prefix is put before every key, such as "deploy"; empty: nothing is.
	Prefix string
	// Region is the bucket's; empty: the region of the aws.Config.
	Region string
}

// S3 is a store in an S3 bucket. Writes are conditional (If-None-Match and
// If-Match), so no other service is needed for locking. The caller needs
// s3:GetObject and s3:PutObject on the prefix and s3:ListBucket on the bucket,
// without which S3 denies access to an object that does not exist.
type S3 struct {
	api     s3API
	options S3Options
}

// NewS3FromConfig returns the store spoken to with cfg's credentials and
// endpoint. It makes no call.
func NewS3FromConfig(cfg aws.Config, o S3Options) (*S3, error) {
	if o.Region == "" {
		o.Region = cfg.Region
	}
	if o.Region == "" {
		return nil, fmt.Errorf("open bucket %s: no AWS region: set AWS_REGION or name it in the profile", o.Bucket)
	}
	client := s3.NewFromConfig(cfg, func(s *s3.Options) {
		s.Region = o.Region
		// Trying again is the ledger's part: it knows when the lease ends, and
		// reads back before it writes once more.
		s.Retryer = aws.NopRetryer{}
		s.DisableLogOutputChecksumValidationSkipped = true
	})
	return NewS3(client, o)
}

// NewS3 returns the store behind an s3.Client, which should make one attempt a
// call, or what stands for one.
func NewS3(client s3API, o S3Options) (*S3, error) {
	o.Prefix = strings.Trim(o.Prefix, "/")
	if err := checkName("bucket", o.Bucket); err != nil {
		return nil, fmt.Errorf("open the ledger's bucket: %w", err)
	}
	if o.Prefix != "" {
		for part := range strings.SplitSeq(o.Prefix, "/") {
			if err := checkName("prefix", part); err != nil {
				return nil, fmt.Errorf("open the ledger's bucket: %w", err)
			}
		}
		o.Prefix += "/"
	}
	return &S3{api: client, options: o}, nil
}

func (s *S3) String() string {
	return strings.TrimSuffix("s3://"+s.options.Bucket+"/"+s.options.Prefix, "/")
}

// Get implements Store.
func (s *S3) Get(ctx context.Context, key string) (Object, error) {
	out, err := s.api.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.options.Bucket, Key: aws.String(s.options.Prefix + key),
	})
	if err != nil {
		err = s.explain(err)
		if errors.Is(err, ErrNotFound) {
			answered, _ := dateOf(err)
			return Object{Now: answered}, err
		}
		return Object{}, err
	}
	defer out.Body.Close()
	data, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	if err != nil {
		return Object{}, fmt.Errorf("%w: the answer broke off: %w", ErrUnavailable, err)
	}
	if len(data) > maxObject {
		return Object{}, fmt.Errorf("the object is larger than %d bytes: not what this program writes", maxObject)
	}
	answered, err := date(out.ResultMetadata)
	return Object{
		Data: data, Version: Version(aws.ToString(out.ETag)),
		Modified: aws.ToTime(out.LastModified), Now: answered,
	}, err
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, key string, data []byte, version Version) (Stamp, error) {
	input := &s3.PutObjectInput{
		Bucket: &s.options.Bucket, Key: aws.String(s.options.Prefix + key),
		Body: bytes.NewReader(data), ContentType: aws.String("application/json"),
	}
	if version == Absent {
		input.IfNoneMatch = aws.String("*")
	} else {
		input.IfMatch = aws.String(string(version))
	}
	out, err := s.api.PutObject(ctx, input)
	if err != nil {
		if err = s.explain(err); errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("%w: %w", ErrConflict, err) // it was removed
		}
		return Stamp{}, err
	}
	answered, err := date(out.ResultMetadata)
	return Stamp{Version: Version(aws.ToString(out.ETag)), Now: answered}, err
}

// List implements Store.
func (s *S3) List(ctx context.Context, prefix string) ([]Info, error) {
	pages := s3.NewListObjectsV2Paginator(s.api, &s3.ListObjectsV2Input{
		Bucket: &s.options.Bucket, Prefix: aws.String(s.options.Prefix + prefix),
	})
	var infos []Info
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.explain(err)
		}
		for _, object := range page.Contents {
			key := strings.TrimPrefix(aws.ToString(object.Key), s.options.Prefix)
			infos = append(infos, Info{Key: key, Modified: aws.ToTime(object.LastModified)})
		}
	}
	return infos, nil
}

// date is the store's clock: the Date header of an answer, whole seconds.
func date(metadata middleware.Metadata) (time.Time, error) {
	answered, ok := awsmiddleware.GetServerTime(metadata)
	if !ok || answered.IsZero() {
		return time.Time{}, errors.New("the store's answer has no Date: a lease cannot be judged without its clock")
	}
	return answered, nil
}
