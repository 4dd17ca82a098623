package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/nlb"
	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// orders is the sandbox of a team with a service of its own, which is not written in Go.
func orders(environment string) sandbox.Options {
	return sandbox.Options{
		Service:     sandbox.Service{Name: "orders-api", HostPort: 9000, HealthPath: "/ready"},
		Environment: environment, Region: "eu-central-1", Bucket: "orders-state", Instances: 2, Factor: 60,
	}
}

// adopter is a program of that team: what it was told of the environment, and its clients.
type adopter struct {
	t    *testing.T
	env  *sandbox.Environment
	vars map[string]string
	aws  aws.Config
	spec docker.Spec
}

func newAdopter(t *testing.T, o sandbox.Options) adopter {
	t.Helper()
	o.Logf = t.Logf
	env, err := sandbox.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, env.Close()) })
	a := adopter{t: t, env: env, vars: map[string]string{}, spec: docker.Spec{
		Name: o.Service.Name, HostPort: o.Service.HostPort, ContainerPort: o.Service.HostPort, HealthPath: o.Service.HealthPath,
		EnvFile: o.Service.EnvFile,
	}}
	for _, line := range env.Env() {
		name, value, _ := strings.Cut(line, "=")
		a.vars[name] = value
	}
	a.aws, err = config.LoadDefaultConfig(t.Context(),
		config.WithRegion(a.vars["AWS_REGION"]), config.WithBaseEndpoint(a.vars["AWS_ENDPOINT_URL"]),
		config.WithSharedConfigFiles(nil), config.WithSharedCredentialsFiles(nil),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(a.vars["AWS_ACCESS_KEY_ID"], a.vars["AWS_SECRET_ACCESS_KEY"], "")))
	require.NoError(t, err)
	return a
}

// roll rolls release V2 out under load.
func (a adopter) roll() (rollout.Result, probe.Receipt, error) {
	a.t.Helper()
	described, err := fleet.File(a.vars["FLEET"]).Fleet(a.t.Context(), a.env.Fleet.Environment)
	require.NoError(a.t, err)
	policy, err := rollout.ParsePolicy(rollout.DefaultPolicy(), a.env.Policy())
	require.NoError(a.t, err)
	// A sixtieth of AWS's times is too little for what machines need for their own work.
	policy.Drain.Lag, policy.Drain.Quiet, policy.Drain.Max = 2300*time.Millisecond, 400*time.Millisecond, 4*time.Second
	policy.Prove, policy.Health = 20*time.Second, 30*time.Second
	groups, err := nlb.NewFromConfig(a.aws, described.TargetGroups, nlb.Options{})
	require.NoError(a.t, err)
	images, err := ecr.NewFromConfig(a.aws, described.Repository, ecr.Options{Region: described.RegistryRegion})
	require.NoError(a.t, err)
	image, err := images.Resolve(a.t.Context(), a.env.V2)
	require.NoError(a.t, err)
	load, err := probe.Start(a.t.Context(), probe.Options{URL: a.env.URL, Timeout: 30 * time.Second})
	require.NoError(a.t, err)
	result, err := rollout.Run(a.t.Context(), rollout.Config{
		Environment: described.Environment, Instances: described.Instances, Policy: policy, Balancer: groups,
		Release: rollout.Release{Image: images.URI() + "@" + image.Digest, Tag: a.env.V2, Commit: image.Commit},
		Connect: func(ctx context.Context, i rollout.Instance) (rollout.Host, error) {
			return a.connect(ctx, described, images, i)
		},
	})
	return result, load.Stop(), err
}

// connect opens an instance, which has to be the one that the fleet file names.
func (a adopter) connect(ctx context.Context, f fleet.Fleet, images *ecr.Repository, i rollout.Instance) (rollout.Host, error) {
	link, err := remote.NewLink(ctx, remote.Config{
		Name: i.ID, Address: i.Address, User: f.User, KeyFile: a.vars["SSH_KEY"], KnownHosts: []string{a.vars["SSH_KNOWN_HOSTS"]},
	}, func(ctx context.Context, c *remote.Client) error { return docker.Identify(ctx, c, i.ID) })
	if err != nil {
		return nil, err
	}
	host, err := docker.Open(ctx, link, docker.Options{Spec: a.spec, InstanceID: i.ID, Auth: func(ctx context.Context) (string, string, error) {
		login, err := images.Credentials(ctx)
		return login.Username, login.Password, err
	}})
	if err != nil {
		return nil, errors.Join(err, link.Close())
	}
	return host, nil
}

func TestAServiceWithoutAProgramIsRolledOut(t *testing.T) {
	t.Parallel()
	a := newAdopter(t, orders("staging"))
	assert.Regexp(t, "/orders-api$", a.env.Fleet.Repository)
	assert.Equal(t, "eu-central-1", a.env.Fleet.Region)
	assert.Equal(t, "eu-central-1", a.env.Fleet.RegistryRegion)
	assert.Equal(t, "orders-api-2", a.env.Fleet.Instances[1].Name)
	assert.Equal(t, "eu-central-1b", a.env.Fleet.Instances[1].Zone)

	result, traffic, err := a.roll()
	require.NoError(t, err)
	assert.Equal(t, rollout.Deployed, result.Outcome)
	assert.Zero(t, traffic.Failed, "%s", traffic)
	for _, commit := range []string{a.env.V1, a.env.V2} {
		assert.Positive(t, traffic.Answers[commit], "nothing was answered by %s", commit)
	}
	answer, err := http.Get(a.env.URL + "/ready")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusOK, answer.StatusCode)
}

func TestABadReleaseOfAServiceWithoutAProgramIsPutBack(t *testing.T) {
	t.Parallel()
	a := newAdopter(t, orders("live"))
	require.NoError(t, a.env.Fault("bad-image"))
	result, traffic, err := a.roll()
	require.ErrorContains(t, err, "container orders-api exited with code 2")
	assert.Equal(t, rollout.RolledBack, result.Outcome)
	assert.Zero(t, traffic.Failed, "%s", traffic)
	assert.Equal(t, map[string]int64{a.env.V1: traffic.Requests}, traffic.Answers)
}

// TestTheBucketIsInItsRegion: an adopter's ledger works where its location says, and nowhere else.
func TestTheBucketIsInItsRegion(t *testing.T) {
	o := orders("live")
	o.Hollow, o.BucketRegion = true, "eu-west-1"
	a := newAdopter(t, o)
	assert.Equal(t, "orders-state", a.vars["TF_STATE_BUCKET"])
	history := func(region string) error {
		store, err := ledger.NewS3FromConfig(a.aws, ledger.S3Options{Bucket: "orders-state", Prefix: "ledger", Region: region})
		require.NoError(t, err)
		books, err := ledger.Open(store, "orders-api/live", ledger.Options{})
		require.NoError(t, err)
		_, err = books.History(t.Context(), 1)
		return err
	}
	require.NoError(t, history("eu-west-1"))
	require.ErrorIs(t, history("eu-central-1"), ledger.ErrNoStore)
}

// TestTheEnvFileIsWhereTheServiceHasIt, with its folder, or nowhere.
func TestTheEnvFileIsWhereTheServiceHasIt(t *testing.T) {
	o := orders("live")
	o.Hollow = true
	for file, want := range map[string]string{"/srv/orders/env": "ENVIRONMENT=live", "": "does not exist"} {
		o.Service.EnvFile = file
		a := newAdopter(t, o)
		i := a.env.Fleet.Instances[0]
		conn, err := remote.Dial(t.Context(), remote.Config{
			Name: i.ID, Address: i.Address, User: a.env.Fleet.User, KeyFile: a.vars["SSH_KEY"], KnownHosts: []string{a.vars["SSH_KNOWN_HOSTS"]},
		})
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, docker.Identify(t.Context(), conn, i.ID))
		content, err := conn.ReadFile(t.Context(), "/srv/orders/env")
		assert.Contains(t, fmt.Sprintf("%s %v", content, err), want)
	}
}

func TestFaultsThatAServiceCannotHaveAreRefused(t *testing.T) {
	hollow := orders("live")
	hollow.Hollow = true
	a, b := newAdopter(t, hollow), newAdopter(t, orders("live"))
	for _, fault := range []string{"bad-image", "leaky-image", "never-healthy", "slow-start"} {
		assert.EqualError(t, a.env.Fault(fault), "inject fault "+fault+": it is a fault of a release's process, and hollow instances run none: start the sandbox without hollow")
	}
	assert.EqualError(t, b.env.Fault("leaky-image"), "inject fault leaky-image: it prints variables of the env file, and orders-api has none: set the service's env file")
}
