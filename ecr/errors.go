package ecr

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/growl-dev/deploy/internal/awsauth"
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
	}
	return awsauth.Explain(err)
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
