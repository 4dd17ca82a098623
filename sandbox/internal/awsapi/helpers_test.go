package awsapi_test

import (
	"context"
	"net"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/awsapi"
	"github.com/growl-dev/deploy/sandbox/internal/balancer"
	"github.com/growl-dev/deploy/sandbox/internal/registry"
)

const key = "AKIASANDBOX000000000"

// cloud is an endpoint with what stands behind it and the SDK's clients before it.
type cloud struct {
	*awsapi.Server
	balancer *balancer.Balancer
	registry *registry.Registry
	group    balancer.Group
	url      string
	config   aws.Config
	elb      *elb.Client
	ecr      *ecr.Client
	sts      *sts.Client
}

func newCloud(t *testing.T, repositories ...registry.Repository) *cloud {
	lb, err := balancer.New(balancer.Options{Account: "123456789012", Factor: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lb.Close()) })
	group, err := lb.AddGroup(balancer.GroupOptions{Name: "web", Port: 8080})
	require.NoError(t, err)
	for _, id := range []string{"i-1", "i-2"} {
		require.NoError(t, lb.AddInstance(id, "us-west-1a", unreachable))
	}
	images, err := registry.New(registry.Options{Account: "123456789012", Repositories: repositories})
	require.NoError(t, err)
	server := awsapi.New(lb, images, awsapi.Options{AccessKeyID: key, RegistryURL: "http://127.0.0.1:5000"})
	site := httptest.NewServer(server)
	t.Cleanup(site.Close)

	c := &cloud{Server: server, balancer: lb, registry: images, group: group, url: site.URL}
	c.config = loadConfig(t, site.URL, key)
	c.elb, c.ecr, c.sts = elb.NewFromConfig(c.config), ecr.NewFromConfig(c.config), sts.NewFromConfig(c.config)
	return c
}

// loadConfig is the SDK's own configuration, with nothing of this machine in it.
func loadConfig(t *testing.T, url, key string) aws.Config {
	cfg, err := config.LoadDefaultConfig(t.Context(),
		config.WithRegion("us-west-1"),
		config.WithBaseEndpoint(url),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(key, "secret", "")),
		config.WithSharedConfigFiles(nil),
		config.WithSharedCredentialsFiles(nil),
		config.WithRetryMaxAttempts(1),
	)
	require.NoError(t, err)
	return cfg
}

func unreachable(context.Context, int, netip.AddrPort) (net.Conn, error) {
	return nil, context.DeadlineExceeded
}

// impatient bounds a call that a fault might leave without an answer.
func impatient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
