package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	fleets "github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/internal/porttest"
	"github.com/growl-dev/deploy/rollout"
)

// start brings an environment up for a test.
func start(t *testing.T, o Options) *Environment {
	t.Helper()
	o.Logf = t.Logf
	e, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.Close()) })
	return e
}

// variables are Env as a map.
func variables(e *Environment) map[string]string {
	all := map[string]string{}
	for _, line := range e.Env() {
		key, value, _ := strings.Cut(line, "=")
		all[key] = value
	}
	return all
}

// sdk is the AWS configuration that Env stands for.
func sdk(t *testing.T, e *Environment) aws.Config {
	env := variables(e)
	cfg, err := config.LoadDefaultConfig(t.Context(),
		config.WithRegion(env["AWS_REGION"]), config.WithBaseEndpoint(env["AWS_ENDPOINT_URL"]),
		config.WithSharedConfigFiles(nil), config.WithSharedCredentialsFiles(nil),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], "")))
	require.NoError(t, err)
	return cfg
}

// commitBehind asks the service through the load balancer which commit it is.
func commitBehind(t *testing.T, url string) string {
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	answer, err := web.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	var who struct{ Commit string }
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&who))
	return who.Commit
}

// processes are the containers' process IDs.
func processes(e *Environment) (pids []int) {
	for _, m := range e.machines {
		pids = append(pids, m.Engine().PIDs()...)
	}
	return pids
}

// requireNothingLeft checks that an environment that was closed left nothing.
func requireNothingLeft(t *testing.T, e *Environment, pids []int) {
	t.Helper()
	for _, pid := range pids {
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "process %d is left", pid)
	}
	addresses := []string{strings.TrimPrefix(e.URL, "http://"), strings.TrimPrefix(e.awsURL, "http://"), strings.Split(e.Fleet.Repository, "/")[0]}
	for _, i := range e.Fleet.Instances {
		addresses = append(addresses, i.Address)
	}
	for _, address := range addresses {
		porttest.Closed(t, address)
	}
	_, err := os.Stat(e.FleetFile)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestEnvironmentComesUpAndGoesAway(t *testing.T) {
	e := start(t, Options{Service: growl()})
	pids := processes(e)
	require.Len(t, pids, 3)

	for range 20 {
		require.Equal(t, e.V1, commitBehind(t, e.URL))
	}
	out, err := elbv2.NewFromConfig(sdk(t, e)).DescribeTargetHealth(t.Context(), &elbv2.DescribeTargetHealthInput{TargetGroupArn: &e.Fleet.TargetGroups[0]})
	require.NoError(t, err)
	require.Len(t, out.TargetHealthDescriptions, 3)
	for _, d := range out.TargetHealthDescriptions {
		assert.Equal(t, types.TargetHealthStateEnumHealthy, d.TargetHealth.State)
	}

	require.NoError(t, e.Close())
	require.NoError(t, e.Close(), "closing twice is harmless")
	requireNothingLeft(t, e, pids)
	_, err = os.Stat(e.dir)
	require.ErrorIs(t, err, fs.ErrNotExist, "the temporary folder is gone")
	require.ErrorIs(t, e.Fault("pull-fails"), errClosed)
}

func TestTheEndOfTheContextEndsTheEnvironment(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	e, err := Start(ctx, Options{Service: growl(), Instances: 1, Dir: dir, Logf: t.Logf})
	require.NoError(t, err)
	pids := processes(e)
	cancel()
	require.NoError(t, e.Close(), "waits for what the context began")
	requireNothingLeft(t, e, pids)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err, "a folder that was given stays")
	require.Empty(t, entries)
}

func TestABringUpThatIsCancelledLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	_, err := Start(ctx, Options{Service: growl(), Dir: dir, Logf: func(format string, _ ...any) {
		if strings.HasPrefix(format, "compiled") {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestFleetFileAndVariables(t *testing.T) {
	e := start(t, Options{Service: growl(), Instances: 3, Zones: []string{"eu-west-1a", "eu-west-1b"}, Environment: "prod"})
	text, err := os.ReadFile(e.FleetFile)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(text, &fields))
	for _, name := range []string{"environment", "region", "registry_region", "repository", "target_groups", "instances", "user"} {
		assert.Contains(t, fields, name)
	}
	var fleet fleets.Fleet
	require.NoError(t, json.Unmarshal(text, &fleet))
	assert.Equal(t, e.Fleet, fleet)
	assert.Equal(t, "prod", fleet.Environment)
	assert.Equal(t, "eu-west-1", fleet.Region)
	assert.Equal(t, []string{"eu-west-1a", "eu-west-1b", "eu-west-1a"}, zones(fleet.Instances))

	env := variables(e)
	assert.Equal(t, e.FleetFile, env["FLEET"])
	assert.Equal(t, e.URL, "http://"+env["NLB"])
	info, err := os.Stat(env["SSH_KEY"])
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	known, err := os.ReadFile(env["SSH_KNOWN_HOSTS"])
	require.NoError(t, err)
	assert.Len(t, strings.Split(strings.TrimSpace(string(known)), "\n"), 3)
	assert.NotEqual(t, e.V1, e.V2)
	assert.Regexp(t, "^[0-9a-f]{40}$", e.V1)
}

func zones(instances []rollout.Instance) (zones []string) {
	for _, i := range instances {
		zones = append(zones, i.Zone)
	}
	return zones
}

func TestDockerSocket(t *testing.T) {
	e := start(t, Options{Service: growl(), Instances: 1})
	socket, found := strings.CutPrefix(variables(e)["DOCKER_HOST"], "unix://")
	if !found {
		t.Skipf("the temporary folder's path is too long for a Unix socket: %s", e.dir)
	}
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	answer, err := web.Get("http://docker/_ping")
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, "OK", string(text))
}

func TestPolicyIsTheDefaultFactorTimesFaster(t *testing.T) {
	fast, err := rollout.ParsePolicy(rollout.DefaultPolicy(), policy(20).String())
	require.NoError(t, err)
	slow := rollout.DefaultPolicy()
	assert.Equal(t, 3*time.Second, fast.Drain.Min)
	assert.Equal(t, 15*time.Second, fast.Drain.Max)
	assert.Equal(t, 6*time.Second, fast.Drain.Lag)
	assert.Equal(t, 15*time.Second, fast.Health)
	assert.Equal(t, 250*time.Millisecond, fast.Pause)
	assert.Equal(t, slow.Failures, fast.Failures)
	assert.Equal(t, slow, policy(1))
}

func TestStartRefusesBadOptions(t *testing.T) {
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "mine"), nil, 0o600))
	empty := t.TempDir()
	for want, o := range map[string]Options{
		"instances=-1 is not between 1 and 100":     {Instances: -1},
		"factor=0.5 is not between 1 and 1000":      {Factor: 0.5},
		`zone "mars" is not one of the region`:      {Zones: []string{"us-west-1a", "mars"}},
		`zone "us-west-2a" is not one of the reg`:   {Zones: []string{"us-west-1a", "us-west-2a"}},
		`zone "us-west-1a" is not one of the reg`:   {Region: "eu-central-1", Zones: []string{"us-west-1a"}},
		`region "europe" is none`:                   {BucketRegion: "europe"},
		`bucket "a/b" is no name`:                   {Bucket: "a/b"},
		"it is not empty: name an empty one":        {Dir: full},
		"compile growl-backend in " + empty:         {Service: Service{Name: "growl-backend", Program: empty}},
		"find the program cmd/none: no such folder": {Service: Service{Program: "cmd/none"}},
	} {
		_, err := Start(t.Context(), o)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
	}
	assert.FileExists(t, filepath.Join(full, "mine"), "another's file is left alone")

	_, err := Start(t.Context(), Options{Instances: 1000, Factor: -2})
	require.ErrorContains(t, err, "instances=1000")
	require.ErrorContains(t, err, "factor=-2", "all faults at once")
}

func TestCleanupRunsBackwardsOnceAndKeepsErrors(t *testing.T) {
	var order []int
	c := newCleanup()
	broken := errors.New("broken")
	for i := range 3 {
		c.add(func() error {
			order = append(order, i)
			if i == 1 {
				return broken
			}
			return nil
		})
	}
	require.ErrorIs(t, c.run(), broken)
	require.ErrorIs(t, c.run(), broken)
	assert.Equal(t, []int{2, 1, 0}, order)
	c.add(func() error { order = append(order, 9); return nil })
	assert.True(t, slices.Contains(order, 9), "what comes too late is undone at once")
}
