package deploy_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// orders declares the service of a team that adopted the project.
func orders() deploy.Service {
	return deploy.Service{
		Name:      "orders-api",
		Container: docker.Spec{HostPort: 9000, HealthPath: "/ready"},
		Ledger:    "s3://orders-state/ledger?region=eu-central-1",
		Environments: map[string]deploy.Environment{
			"staging": {Fleet: fleet.File("staging.json")},
			"live":    {Fleet: fleet.File("live.json"), CommitOnly: true, Confirm: true, PromotedFrom: "staging"},
		},
	}
}

// place is a sandbox of orders-api, and the options that reach it.
type place struct {
	*sandbox.Environment
	options deploy.Options
}

// bringUp brings a place up beside those of other tests.
func bringUp(t testing.TB, environment string, instances int) place {
	t.Helper()
	env, err := sandbox.Start(t.Context(), sandbox.Options{
		Service:     sandbox.Service{Name: "orders-api", HostPort: 9000, HealthPath: "/ready"},
		Environment: environment, Region: "eu-central-1", Bucket: "orders-state", Instances: instances, Factor: 60, Hollow: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, env.Close()) })
	return place{env, optionsOf(env)}
}

// optionsOf returns options for a deploy to a sandbox, with a policy that leaves a busy machine enough time.
func optionsOf(env *sandbox.Environment) deploy.Options {
	vars := variables(env.Env())
	policy, err := rollout.ParsePolicy(rollout.DefaultPolicy(), env.Policy())
	if err != nil {
		panic(err) // the sandbox's own
	}
	policy.Drain.Lag, policy.Drain.Quiet, policy.Drain.Max = 2300*time.Millisecond, 400*time.Millisecond, 10*time.Second
	policy.Prove, policy.Health = 20*time.Second, 30*time.Second
	return deploy.Options{
		AWS:   awsOf(vars),
		SSH:   deploy.SSH{KeyFile: vars["SSH_KEY"], KnownHosts: []string{vars["SSH_KNOWN_HOSTS"]}},
		Fleet: fleet.File(env.FleetFile), Policy: policy.String(),
	}
}

// awsOf loads the AWS configuration of a sandbox, or of a role in it.
func awsOf(vars map[string]string) []func(*awsconfig.LoadOptions) error {
	keys := credentials.NewStaticCredentialsProvider(vars["AWS_ACCESS_KEY_ID"], vars["AWS_SECRET_ACCESS_KEY"], "")
	return []func(*awsconfig.LoadOptions) error{
		awsconfig.WithBaseEndpoint(vars["AWS_ENDPOINT_URL"]), awsconfig.WithCredentialsProvider(keys),
		awsconfig.WithSharedConfigFiles(nil), awsconfig.WithSharedCredentialsFiles(nil),
	}
}

// variables reads lines of the form NAME=VALUE.
func variables(lines []string) map[string]string {
	vars := map[string]string{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		vars[name] = value
	}
	return vars
}

// ofRepository is the place's fleet with images of another repository.
func (p place) ofRepository(t *testing.T, repository string) fleet.Source {
	t.Helper()
	moved := p.Fleet
	moved.Repository = repository
	file := filepath.Join(t.TempDir(), "fleet.json")
	require.NoError(t, moved.WriteFile(file))
	return fleet.File(file)
}

// open opens an environment of a service at the place.
func (p place) open(t *testing.T, service deploy.Service) *deploy.Operator {
	t.Helper()
	operator, err := deploy.Open(t.Context(), service, p.Fleet.Environment, p.options)
	require.NoError(t, err)
	return operator
}
