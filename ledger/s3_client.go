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

// checkEndpoint refuses an endpoint that is not a URL of a host. Its error does not quote it, because it may have a password.
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

// credentialsError is returned if there are no credentials, or if they cannot be read.
type credentialsError struct{ error }

func (e *credentialsError) Unwrap() error { return e.error }

// explained adds an explanation to the errors of credentials, and an error if there are none, because the SDK would send
// calls unsigned then.
type explained struct{ aws.CredentialsProvider }

// Retrieve returns the credentials, or an error with the remedy.
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

// withoutRedirects returns a copy of the configured client that follows no redirects. If none is configured, it is net/http's
// own, with its proxies. A client of another type is returned as it is.
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
