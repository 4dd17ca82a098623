package nlb

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/growl-dev/deploy/internal/awsauth"
)

// explain adds the remedy to an error of the API.
func explain(in group, err error) error {
	var missing *types.TargetGroupNotFoundException
	var target *types.InvalidTargetException
	switch {
	case errors.As(err, &missing):
		return fmt.Errorf("there is no target group %s in %s: check the ARN and the account of the credentials: %w", in.arn, in.region, err)
	case errors.As(err, &target):
		return fmt.Errorf("the instance does not run in the target group's VPC: %w", err)
	}
	return awsauth.Explain(err)
}
