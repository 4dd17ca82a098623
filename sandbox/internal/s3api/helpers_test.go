package s3api_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/s3api"
)

const (
	key    = "AKIASANDBOX000000000"
	region = "us-west-1"
	states = "growl-states"
)

// cloud is an endpoint with the SDK's own client before it.
type cloud struct {
	*s3api.Server
	url    string
	config aws.Config
	s3     *s3.Client
}

func newCloud(t *testing.T) *cloud {
	server := s3api.New(s3api.Options{AccessKeyID: key, Region: region, Buckets: []string{states}})
	site := httptest.NewServer(server)
	t.Cleanup(func() { site.Close(); server.Wait() })
	c := &cloud{Server: server, url: site.URL, config: loadConfig(t, site.URL, key)}
	c.s3 = s3.NewFromConfig(c.config)
	return c
}

// loadConfig is the SDK's own configuration, with nothing of this machine in it.
func loadConfig(t *testing.T, url, key string) aws.Config {
	cfg, err := config.LoadDefaultConfig(t.Context(),
		config.WithRegion(region),
		config.WithBaseEndpoint(url),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(key, "secret", "")),
		config.WithSharedConfigFiles(nil),
		config.WithSharedCredentialsFiles(nil),
		config.WithRetryMaxAttempts(1),
	)
	require.NoError(t, err)
	return cfg
}

// impatient bounds a call that a fault might leave without an answer.
func impatient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// code is the error code that the SDK read.
func code(t *testing.T, err error) string {
	t.Helper()
	var refused smithy.APIError
	require.ErrorAs(t, err, &refused)
	return refused.ErrorCode()
}
