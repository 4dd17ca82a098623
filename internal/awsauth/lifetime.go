package awsauth

import (
	"context"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Lifetime returns a function that returns how long the credentials of the environment's variables are still valid, because
// nothing renews them: negative if they have expired. Their end is in AWS_CREDENTIAL_EXPIRATION, as the AWS CLI writes it;
// the SDK does not read that. The function returns zero if the end is not known, or if the credentials come from a source
// that renews them.
func Lifetime(ctx context.Context, from aws.CredentialsProvider) (left func() time.Duration) {
	end, err := time.Parse(time.RFC3339, os.Getenv("AWS_CREDENTIAL_EXPIRATION"))
	if err != nil || from == nil {
		return func() time.Duration { return 0 }
	}
	used, err := from.Retrieve(ctx)
	if err != nil || used.Source != config.CredentialsSourceName {
		return func() time.Duration { return 0 }
	}
	return func() time.Duration { return time.Until(end) }
}
