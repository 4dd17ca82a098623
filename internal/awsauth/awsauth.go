// Package awsauth adds the remedy to errors about AWS credentials.
package awsauth

import (
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
)

// Explain wraps err with what the user can do about it if the SDK found no credentials, or if they are expired or not
// valid. It returns any other error unchanged.
func Explain(err error) error {
	if explained, ok := errors.AsType[*credentialsError](err); ok {
		return explained
	}
	switch {
	case missing(err):
		return fmt.Errorf("there are no AWS credentials: run `aws sso login`, or set AWS_PROFILE: %w", err)
	case rejected(err):
		return fmt.Errorf("the AWS credentials are expired or not valid: run `aws sso login%s`, or replace those in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN: %w", ofProfile(), err)
	}
	return err
}

// ofProfile returns the flag for the profile that the environment names, if it names one.
func ofProfile() string {
	if profile := os.Getenv("AWS_PROFILE"); profile != "" {
		return " --profile " + profile
	}
	return ""
}

// metadata reports whether an error is, or comes from one, of the metadata service of an EC2 instance, which is the last
// source of credentials that the SDK tries.
func metadata(err error) bool {
	operation, ok := errors.AsType[*smithy.OperationError](err)
	return ok && operation.ServiceID == "ec2imds"
}

// missing reports whether the SDK found no credentials in any source. The last source that it tries is the metadata
// service of an EC2 instance, and it returns the error of that one only.
func missing(err error) bool {
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

// rejected reports whether credentials are expired or unknown, according to the service or already to the SDK's cached
// SSO session. A missing permission is neither: a new login would not help.
func rejected(err error) bool {
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
