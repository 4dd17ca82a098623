package ledger

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

var _ Store = (*S3)(nil)

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
// s3:GetObject and s3:PutObject on the prefix, and s3:ListBucket on the bucket for keys below the prefix. A role that
// may list the bucket only under a condition on s3:prefix may be answered 403 for an object that does not exist:
// that is ErrHidden.
type S3 struct {
	client  *s3Client
	options S3Options
}

// NewS3FromConfig returns the store spoken to as cfg has it: with its
// credentials, by its HTTP client (nil: net/http's own, with the proxies of the
// environment), at its endpoint. That is AWS_ENDPOINT_URL_S3, what the shared
// configuration file says for S3, or cfg.BaseEndpoint (AWS_ENDPOINT_URL), with
// the bucket in the path. Without one it is AWS's in the region; the endpoints
// of dual-stack, FIPS and the partition of China must be named. What else cfg
// holds, such as retries and API options, is not looked at. It makes no call.
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
	client, err := newS3Client(cfg, o)
	if err != nil {
		return nil, err
	}
	return &S3{client: client, options: o}, nil
}

// check refuses names that are no plain part of a key, and trims the prefix.
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
	answer, err := s.client.do(ctx, s3Call{method: http.MethodGet, key: s.options.Prefix + key})
	if err != nil {
		err = s.hidden(s.explain(err), key)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrHidden) {
			return Object{Now: dateOf(err)}, err
		}
		return Object{}, err
	}
	stamp, err := stampOf(answer)
	if err != nil {
		return Object{}, err
	}
	modified, err := http.ParseTime(answer.header.Get("Last-Modified"))
	if err != nil {
		return Object{}, errors.New("the store's answer has no Last-Modified: a lease cannot be judged without it")
	}
	return Object{Data: answer.body, Version: stamp.Version, Modified: modified, Now: stamp.Now}, nil
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, key string, data []byte, version Version) (Stamp, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	if version == Absent {
		header.Set("If-None-Match", "*")
	} else {
		header.Set("If-Match", string(version))
	}
	answer, err := s.client.do(ctx, s3Call{method: http.MethodPut, key: s.options.Prefix + key, header: header, body: data})
	if err != nil {
		if err = s.explain(err); errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("%w: %w", ErrConflict, err) // it was removed
		}
		return Stamp{}, err
	}
	return stampOf(answer)
}

// stampOf is the version that an answer tells of, and when it was told.
func stampOf(answer s3Answer) (Stamp, error) {
	version := Version(answer.header.Get("ETag"))
	if version == Absent {
		return Stamp{}, errors.New("the store's answer has no ETag: a write cannot be conditional without it")
	}
	answered, err := answer.date()
	return Stamp{Version: version, Now: answered}, err
}

// List implements Store.
func (s *S3) List(ctx context.Context, prefix string) ([]Info, error) {
	query := url.Values{"list-type": {"2"}, "prefix": {s.options.Prefix + prefix}}
	var infos []Info
	for {
		answer, err := s.client.do(ctx, s3Call{method: http.MethodGet, query: query})
		if err != nil {
			return nil, s.explain(err)
		}
		page, err := readPage(answer.body)
		if err != nil {
			return nil, s.explain(err)
		}
		for _, object := range page.Contents {
			infos = append(infos, Info{Key: strings.TrimPrefix(object.Key, s.options.Prefix), Modified: object.LastModified})
		}
		if !page.IsTruncated {
			return infos, nil
		}
		if next := page.NextContinuationToken; next == "" || next == query.Get("continuation-token") {
			return nil, fmt.Errorf("the list breaks off after %d objects: the store does not name the next page", len(infos))
		}
		query.Set("continuation-token", page.NextContinuationToken)
	}
}

// listPage is a page of ListObjectsV2.
type listPage struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	IsTruncated           bool
	NextContinuationToken string
	Contents              []struct {
		Key          string
		LastModified time.Time
	}
}

// readPage refuses what is cut off: half a list is none.
func readPage(body []byte) (page listPage, err error) {
	if err := xml.Unmarshal(body, &page); err != nil {
		return listPage{}, &brokenError{fmt.Errorf("read the list: %w", err)}
	}
	return page, nil
}
