package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

var (
	regionName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	// hostName matches the buckets that can be a host name of their own. One with
	// dots cannot: S3's certificate is for a single label.
	hostName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
)

// bucketAddress is where the bucket is: below an endpoint that is configured, in
// its path; else at AWS, under a host name of its own where it can have one.
func bucketAddress(cfg aws.Config, o S3Options) (url.URL, error) {
	if err := checkRegion(o.Region); err != nil {
		return url.URL{}, err
	}
	endpoint := configuredEndpoint(cfg)
	if endpoint == "" {
		host := "s3." + o.Region + ".amazonaws.com"
		if hostName.MatchString(o.Bucket) {
			return url.URL{Scheme: "https", Host: o.Bucket + "." + host}, nil
		}
		return url.URL{Scheme: "https", Host: host, Path: "/" + o.Bucket}, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		// What is there may hold a password, so it is not said.
		return url.URL{}, errors.New("the endpoint makes no sense: set AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL to https://HOST or http://HOST:PORT")
	}
	return url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/") + "/" + o.Bucket}, nil
}

func checkRegion(region string) error {
	if !regionName.MatchString(region) {
		return fmt.Errorf("region %q: want a name such as us-west-1", region)
	}
	return nil
}

// endpointSource and ignoringSource are what a source of cfg may know: the
// environment, the shared configuration file, the options of the program. The
// SDK's clients ask them the same.
type (
	endpointSource interface {
		GetServiceBaseEndpoint(ctx context.Context, service string) (string, bool, error)
	}
	ignoringSource interface {
		GetIgnoreConfiguredEndpoints(ctx context.Context) (bool, bool, error)
	}
)

// configuredEndpoint is S3's own endpoint, else the one of all services, as the
// SDK has it: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html.
// AWS_ENDPOINT_URL comes before what a file says for S3.
func configuredEndpoint(cfg aws.Config) string {
	_, all := os.LookupEnv("AWS_ENDPOINT_URL")
	_, own := os.LookupEnv("AWS_ENDPOINT_URL_S3")
	if own || !all {
		if endpoint := ownEndpoint(cfg.ConfigSources); endpoint != "" {
			return endpoint
		}
	}
	return aws.ToString(cfg.BaseEndpoint)
}

// ownEndpoint is the first source's that has one for S3, unless all are ignored.
func ownEndpoint(sources []any) string {
	if endpointsIgnored(sources) {
		return ""
	}
	for _, source := range sources {
		if s, ok := source.(endpointSource); ok {
			// The context is for sources that ask elsewhere: these are in memory.
			if endpoint, found, err := s.GetServiceBaseEndpoint(context.Background(), "S3"); err == nil && found {
				return endpoint
			}
		}
	}
	return ""
}

// endpointsIgnored is what the first source says that says anything of it.
func endpointsIgnored(sources []any) bool {
	for _, source := range sources {
		if s, ok := source.(ignoringSource); ok {
			if ignored, found, err := s.GetIgnoreConfiguredEndpoints(context.Background()); err == nil && found {
				return ignored
			}
		}
	}
	return false
}

// httpClient is the configured one, or net/http's own with its proxies. Where it
// can be told, it follows no redirect: S3's lead to another region, for which the
// request is not signed, and would take the session token along.
func httpClient(configured aws.HTTPClient) aws.HTTPClient {
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
