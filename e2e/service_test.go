package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/nlb"
	"github.com/growl-dev/deploy/probe"
)

// aws is the fleet's AWS for this process.
func (f *fleet) aws(t testing.TB) aws.Config {
	t.Helper()
	cfg, err := awsconfig.LoadDefaultConfig(t.Context(),
		awsconfig.WithRegion(f.env.Fleet.Region), awsconfig.WithBaseEndpoint(f.variable("AWS_ENDPOINT_URL")),
		awsconfig.WithSharedConfigFiles(nil), awsconfig.WithSharedCredentialsFiles(nil),
		awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(
			f.variable("AWS_ACCESS_KEY_ID"), f.variable("AWS_SECRET_ACCESS_KEY"), "")))
	require.NoError(t, err)
	return cfg
}

func (f *fleet) registryToken(t testing.TB) string {
	images, err := ecr.NewFromConfig(f.aws(t), f.env.Fleet.Repository, ecr.Options{Region: f.env.Fleet.Region})
	require.NoError(t, err)
	login, err := images.Credentials(t.Context())
	require.NoError(t, err)
	return login.Password
}

// load sends requests through the load balancer for as long as do takes, and
// answers what came of them.
func (f *fleet) load(t testing.TB, do func()) probe.Receipt {
	t.Helper()
	return f.loaded(t, func(*probe.Probe) { do() })
}

// fewest is how many requests have to be sent for none that failed to mean anything.
const fewest = 20

// loaded is load for who looks at it meanwhile. Each host gets more than the seven
// connections a second that make a drain's silence say something.
func (f *fleet) loaded(t testing.TB, do func(*probe.Probe)) probe.Receipt {
	t.Helper()
	load, err := probe.Start(context.WithoutCancel(t.Context()), probe.Options{URL: f.env.URL + "/", Rate: 60, KeepAlive: 6})
	require.NoError(t, err)
	defer load.Stop()
	do(load)
	// A run that is refused is over before there was a load to speak of.
	require.Eventually(t, func() bool { return load.Snapshot().Requests > fewest }, 20*time.Second, 10*time.Millisecond)
	receipt := load.Stop()
	t.Logf("%s", receipt)
	return receipt
}

// requireNoneFailed wants that all requests were answered, and that there were any.
func requireNoneFailed(t testing.TB, r probe.Receipt) {
	t.Helper()
	require.Zero(t, r.Failed, "%s: %v", r, r.ByError)
	require.Greater(t, r.Requests, int64(fewest))
}

// assertServes wants every host in service with one container that answers as a
// release and would be there after a reboot.
func (f *fleet) assertServes(t testing.TB, release string) {
	t.Helper()
	for _, h := range f.hosts {
		f.assertHostServes(t, h, release)
	}
}

func (f *fleet) assertHostServes(t testing.TB, h *host, release string) {
	t.Helper()
	assert.Equal(t, f.shop.source.commits[release], h.commit(t), h.Name)
	running, err := h.dockerSays(t, "ps", "--format", "{{.Names}}")
	if assert.NoError(t, err) {
		policy, err := h.dockerSays(t, "inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", running)
		assert.NoError(t, err)
		assert.Equal(t, "always", policy, h.Name)
	}
	groups, err := nlb.NewFromConfig(f.aws(t), f.env.Fleet.TargetGroups, nlb.Options{})
	require.NoError(t, err)
	assert.EventuallyWithT(t, func(c *assert.CollectT) {
		health, err := groups.Health(t.Context())
		require.NoError(c, err)
		assert.Equal(c, "healthy", health.Of(h.ID).String(), h.Name)
	}, 30*time.Second, 100*time.Millisecond)
}

// commit is what the host itself answers that it runs.
func (h *host) commit(t testing.TB) string {
	t.Helper()
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	answer, err := web.Get("http://" + h.address + ":8080/version")
	if !assert.NoError(t, err) {
		return ""
	}
	defer answer.Body.Close()
	var version struct{ Commit string }
	assert.NoError(t, json.NewDecoder(answer.Body).Decode(&version))
	return version.Commit
}

// awaitInService waits until every host is healthy and lets a deployer in.
func (f *fleet) awaitInService(t testing.TB) {
	t.Helper()
	for _, h := range f.hosts {
		h.awaitUp(t)
	}
	groups, err := nlb.NewFromConfig(f.aws(t), f.env.Fleet.TargetGroups, nlb.Options{})
	require.NoError(t, err)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		health, err := groups.Health(t.Context())
		require.NoError(c, err)
		for _, h := range f.hosts {
			assert.Equal(c, "healthy", health.Of(h.ID).String(), h.Name)
		}
	}, time.Minute, 100*time.Millisecond)
}
