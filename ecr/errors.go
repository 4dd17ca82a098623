package ecr

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
)

// ErrNotFound is in the chain of an error about a tag or digest that the
// repository does not hold.
var ErrNotFound = errors.New("image not found")

// ConflictError says that a tag names another image than was meant.
type ConflictError struct {
	Repository, Tag string
	// Have is the digest the tag names, Want the one that was meant.
	Have, Want string
}

// Error names both digests.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("tag %s of %s names %s already, not %s", e.Tag, e.Repository, e.Have, e.Want)
}

// explain turns an API's error into a sentinel of ours, or adds what the user
// can do about it.
func (r *Repository) explain(err error) error {
	var image *types.ImageNotFoundException
	var repository *types.RepositoryNotFoundException
	switch {
	case errors.As(err, &image):
		return ErrNotFound // the SDK's text says no more, at length
	case errors.As(err, &repository):
		return fmt.Errorf("there is no repository %s in %s: check the URI and the account of the credentials: %w", *r.name(), r.where(), err)
	case lacksCredentials(err):
		return fmt.Errorf("there are no AWS credentials: run `aws sso login`, or set AWS_PROFILE: %w", err)
	case refusesCredentials(err):
		return fmt.Errorf("the AWS credentials are expired or not valid: run `aws sso login` or refresh them: %w", err)
	}
	return err
}

// where names the registry for people.
func (r *Repository) where() string {
	if r.uri.registry == "" {
		return r.region
	}
	return "registry " + r.uri.registry + " in " + r.region
}

// failed is the error in a 200 answer's list of failures.
func failed(failure types.ImageFailure) error {
	if failure.FailureCode == types.ImageFailureCodeImageNotFound {
		return ErrNotFound
	}
	return fmt.Errorf("%s: %s", failure.FailureCode, aws.ToString(failure.FailureReason))
}

// lacksCredentials reports whether the SDK found no credentials anywhere: the last place that it asks is the metadata
// service of an EC2 instance, whose error is then all that it returns.
func lacksCredentials(err error) bool {
	for err != nil {
		operation, ok := errors.AsType[*smithy.OperationError](err)
		if !ok {
			return false
		}
		if operation.ServiceID == "ec2imds" {
			return true
		}
		err = operation.Err
	}
	return false
}

// refusesCredentials tells an expired or unknown credential, refused by the
// service or already by the SDK's cached SSO session, from a missing permission.
func refusesCredentials(err error) bool {
	var session *ssocreds.InvalidTokenError
	if errors.As(err, &session) {
		return true
	}
	var refused smithy.APIError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.ErrorCode() {
	case "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException":
		return true
	}
	return false
}
