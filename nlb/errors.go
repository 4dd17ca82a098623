package nlb

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
)

// explain adds to an API's error what the user can do about it.
func (g *Groups) explain(in group, err error) error {
	var missing *types.TargetGroupNotFoundException
	var target *types.InvalidTargetException
	switch {
	case errors.As(err, &missing):
		return fmt.Errorf("there is no target group %s in %s: check the ARN and the account of the credentials: %w", in.arn, in.region, err)
	case errors.As(err, &target):
		return fmt.Errorf("the instance does not run in the target group's VPC: %w", err)
	case lacksCredentials(err):
		return fmt.Errorf("there are no AWS credentials: run `aws sso login`, or set AWS_PROFILE: %w", err)
	case refusesCredentials(err):
		return fmt.Errorf("the AWS credentials are expired or not valid: run `aws sso login` or refresh them: %w", err)
	}
	return err
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
