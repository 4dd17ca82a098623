package ecr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// api is the part of ecr.Client that is called.
type api interface {
	BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
	DescribeImages(context.Context, *ecr.DescribeImagesInput, ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error)
	GetAuthorizationToken(context.Context, *ecr.GetAuthorizationTokenInput, ...func(*ecr.Options)) (*ecr.GetAuthorizationTokenOutput, error)
	PutImage(context.Context, *ecr.PutImageInput, ...func(*ecr.Options)) (*ecr.PutImageOutput, error)
}

var _ api = (*ecr.Client)(nil)

// Options configures the client of the registry's API. The zero value is ready to use.
type Options struct {
	// Region is the registry's region if the repository's host does not contain one; empty means that of the
	// aws.Config. The region in an ECR host wins.
	Region string
	// Attempts is the number of times that one call is tried while it is throttled or fails on the way; 0 means 10. An
	// explicit AWS_MAX_ATTEMPTS wins.
	Attempts int
	// MaxBackoff bounds the wait between two attempts, which grows from up to 1 s and is jittered; 0 means the SDK's 20
	// s.
	MaxBackoff time.Duration
}

// Repository is one repository of a registry. Its methods may be called concurrently.
type Repository struct {
	api    api
	uri    uri
	region string
	tokens tokens
}

// NewFromConfig returns the repository with this URI. Calls use cfg's credentials and endpoint, in the registry's
// region; NewFromConfig itself makes no call. It returns an error for a URI without a host, or with a tag or digest.
func NewFromConfig(cfg aws.Config, repository string, o Options) (*Repository, error) {
	r, err := open(nil, repository, cmp.Or(o.Region, cfg.Region))
	if err != nil {
		return nil, err
	}
	if r.region == "" {
		return nil, fmt.Errorf("open repository %s: no AWS region: set AWS_REGION or name it in the profile", repository)
	}
	cfg.Region = r.region
	r.api = ecr.NewFromConfig(cfg, func(e *ecr.Options) { e.Retryer = o.retryer() })
	return r, nil
}

// open returns the repository that client reaches. region applies if the URI does not contain one.
func open(client api, repository, region string) (*Repository, error) {
	parsed, err := parseURI(repository)
	if err != nil {
		return nil, err
	}
	return &Repository{
		api:    client,
		uri:    parsed,
		region: cmp.Or(parsed.region, region),
		tokens: tokens{turn: make(chan struct{}, 1)},
	}, nil
}

// URI returns HOST/REPOSITORY. Instances pull this with "@" and a digest appended.
func (r *Repository) URI() string { return r.uri.named.Name() }

// Region returns the registry's region.
func (r *Repository) Region() string { return r.region }

// name returns the repository's name as an argument of a call.
func (r *Repository) name() *string { return aws.String(r.uri.repository()) }

// registry returns the account of the registry as an argument of a call; nil means the caller's own.
func (r *Repository) registry() *string {
	if r.uri.registry == "" {
		return nil
	}
	return &r.uri.registry
}

// retryer returns the SDK's standard retryer with more attempts and without its quota across calls, because with the
// quota a long deploy that was throttled often would fail at its end.
func (o Options) retryer() aws.Retryer {
	return retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = cmp.Or(o.Attempts, 10)
		s.MaxBackoff = cmp.Or(o.MaxBackoff, s.MaxBackoff)
		s.RateLimiter = ratelimit.None
	})
}

// errIncomplete is the error of a response that lacks a field that the API documents.
var errIncomplete = errors.New("the registry's answer is incomplete")
