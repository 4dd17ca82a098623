package awsapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/growl-dev/deploy/sandbox/internal/balancer"
	"github.com/growl-dev/deploy/sandbox/internal/registry"
)

// apiError is an error in the form that AWS returns.
type apiError struct {
	code    string
	message string
	status  int
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func badRequest(code, format string, args ...any) *apiError {
	return &apiError{code, fmt.Sprintf(format, args...), http.StatusBadRequest}
}

// commonCodes are a protocol's names of the errors that every call can return.
type commonCodes struct {
	unsigned, badKey, badRegion, notAllowed, throttled, unknownAction string
	// denied is the status for a refused credential, and for a call that the caller's policies do not allow.
	denied int
}

func (c commonCodes) unknown(r request) *apiError {
	return badRequest(c.unknownAction, "Could not find operation %s for version %s", r.action, r.form.get("Version"))
}

// asAPIError returns the AWS error for an error of the load balancer or the registry.
func asAPIError(err error) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	for _, known := range []struct {
		target error
		code   string
	}{
		{balancer.ErrGroupNotFound, "TargetGroupNotFound"},
		{balancer.ErrAttribute, "InvalidConfigurationRequest"},
		{registry.ErrRepositoryNotFound, "RepositoryNotFoundException"},
		{registry.ErrImageNotFound, "ImageNotFoundException"},
		{registry.ErrImageExists, "ImageAlreadyExistsException"},
		{registry.ErrBlobNotFound, "LayersNotFoundException"},
		{registry.ErrManifestInvalid, "InvalidParameterException"},
		{registry.ErrTagInvalid, "InvalidParameterException"},
	} {
		if errors.Is(err, known.target) {
			return badRequest(known.code, "%s", err)
		}
	}
	return &apiError{"InternalFailure", err.Error(), http.StatusInternalServerError}
}
