package ecr

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/growl-dev/deploy/internal/awsauth"
)

// ErrNotFound is in the chain of an error about a tag or digest that the repository does not hold.
var ErrNotFound = errors.New("image not found")

// ConflictError is the error of a tag that names another image than expected.
type ConflictError struct {
	Repository, Tag string
	// Have is the digest that the tag names, and Want the expected one.
	Have, Want string
}

// Error names both digests.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("tag %s of %s names %s already, not %s", e.Tag, e.Repository, e.Have, e.Want)
}

// explain turns an error of the API into a sentinel of this package, or adds the remedy.
func (r *Repository) explain(err error) error {
	var image *types.ImageNotFoundException
	var repository *types.RepositoryNotFoundException
	switch {
	case errors.As(err, &image):
		return ErrNotFound // the SDK's text is longer and adds nothing
	case errors.As(err, &repository):
		return fmt.Errorf("there is no repository %s in %s: check the URI and the account of the credentials: %w", *r.name(), r.where(), err)
	}
	return awsauth.Explain(err)
}

// where describes the registry, for an error.
func (r *Repository) where() string {
	if r.uri.registry == "" {
		return r.region
	}
	return "registry " + r.uri.registry + " in " + r.region
}

// failed returns the error of one failure in a response with status 200.
func failed(failure types.ImageFailure) error {
	if failure.FailureCode == types.ImageFailureCodeImageNotFound {
		return ErrNotFound
	}
	return fmt.Errorf("%s: %s", failure.FailureCode, aws.ToString(failure.FailureReason))
}
