package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

var regionName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func checkRegion(region string) error {
	if !regionName.MatchString(region) {
		return fmt.Errorf("region %q: want a name such as us-west-1", region)
	}
	return nil
}

// checkEndpoint refuses an endpoint that makes no sense. Its error does not quote it, because it may hold a password.
func checkEndpoint(endpoint *string) error {
	if endpoint == nil {
		return nil
	}
	u, err := url.Parse(*endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New("the endpoint makes no sense: set AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL to https://HOST or http://HOST:PORT")
	}
	return nil
}

// credentialsError is that there are no credentials, or that they cannot be had.
type credentialsError struct{ error }

func (e *credentialsError) Unwrap() error { return e.error }

// explained are credentials whose errors say what they are of. Without any the SDK would send calls unsigned.
type explained struct{ aws.CredentialsProvider }

// Retrieve returns the credentials, or an error that says what to do.
func (c explained) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if c.CredentialsProvider == nil {
		return aws.Credentials{}, &credentialsError{fmt.Errorf("%w: there are no AWS credentials: run `aws sso login` or set AWS_PROFILE", ErrDenied)}
	}
	credentials, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = &credentialsError{fmt.Errorf("get the AWS credentials: %w", err)}
	}
	return credentials, err
}

// withoutRedirects is the configured client, or net/http's own with its proxies, if it can be changed.
func withoutRedirects(configured aws.HTTPClient) aws.HTTPClient {
	client := &http.Client{}
	switch c := configured.(type) {
	case nil:
	case *http.Client:
		*client = *c
	case *awshttp.BuildableClient: // with a custom CA bundle, for example
		client.Transport, client.Timeout = c.GetTransport(), c.GetTimeout()
	default:
		return configured
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}
