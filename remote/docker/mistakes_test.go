package docker_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/nlb"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// What somebody gets wrong who declares a service for the first time is refused while every instance serves, by the run
// as by its plan: they make no call that changes anything.
func TestFirstMistakesTouchNothing(t *testing.T) {
	e, err := sandbox.Start(t.Context(), sandbox.Options{Service: sandbox.Service{Name: "growl-backend"}, Instances: 2, Hollow: true, Logf: t.Logf})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.Close()) })
	w := newWired(t, e)
	for name, test := range map[string]struct {
		spec docker.Spec
		says string
	}{
		"another port": {docker.Spec{Name: "growl-backend", HostPort: 9000, ContainerPort: 9000},
			"no target is on port 9000, which the service's container publishes: "},
		"another port and name, and the port is not compared": {docker.Spec{Name: "orders-api", HostPort: 9000, ContainerPort: 9000},
			"the load balancer calls it healthy, and what serves there could not be put back: no container is called orders-api or publishes port 9000"},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.config(test.spec)
			if strings.Contains(name, "not compared") {
				c.Port = 0
			}
			plan, err := rollout.MakePlan(t.Context(), c)
			require.ErrorContains(t, err, test.says)
			assert.Equal(t, rollout.Refused, plan.Outcome)
			result, err := rollout.Run(t.Context(), c)
			require.ErrorContains(t, err, test.says)
			assert.Equal(t, 1, result.Outcome.ExitCode())
			health, err := w.groups.Health(t.Context())
			require.NoError(t, err)
			assert.Len(t, health, 2)
			assert.Equal(t, "healthy", health.String())
		})
	}
	for call := range e.Calls() {
		assert.NotContains(t, strings.ToLower(call), "register", "a target was moved")
	}
}

// wired is what a run against a sandbox needs.
type wired struct {
	*sandbox.Environment
	groups  *nlb.Groups
	release rollout.Release
	dial    remote.Config
}

func newWired(t *testing.T, e *sandbox.Environment) wired {
	w := wired{Environment: e, dial: remote.Config{User: e.Fleet.User}}
	for _, variable := range e.Env() {
		switch key, value, _ := strings.Cut(variable, "="); {
		case strings.HasPrefix(key, "AWS_"):
			t.Setenv(key, value)
		case key == "SSH_KEY":
			w.dial.KeyFile = value
		case key == "SSH_KNOWN_HOSTS":
			w.dial.KnownHosts = []string{value}
		}
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(e.Fleet.Region))
	require.NoError(t, err)
	w.groups, err = nlb.NewFromConfig(cfg, e.Fleet.TargetGroups, nlb.Options{})
	require.NoError(t, err)
	images, err := ecr.NewFromConfig(cfg, e.Fleet.Repository, ecr.Options{})
	require.NoError(t, err)
	image, err := images.Resolve(t.Context(), e.V2)
	require.NoError(t, err)
	w.release = rollout.Release{Image: images.URI() + "@" + image.Digest, Tag: e.V2, Commit: image.Commit}
	return w
}

// config is a run's whose container is as the spec has it.
func (w wired) config(spec docker.Spec) rollout.Config {
	policy, err := rollout.ParsePolicy(rollout.DefaultPolicy(), w.Policy())
	if err != nil {
		panic(err)
	}
	return rollout.Config{
		Environment: "dev", Release: w.release, Instances: w.Fleet.Instances, Policy: policy, Balancer: w.groups, Port: spec.HostPort,
		Connect: func(ctx context.Context, i rollout.Instance) (rollout.Host, error) {
			dial := w.dial
			dial.Name, dial.Address = i.ID, i.Address
			link, err := remote.NewLink(ctx, dial, nil)
			if err != nil {
				return nil, err
			}
			host, err := docker.Open(ctx, link, docker.Options{Spec: spec, InstanceID: i.ID})
			if err != nil {
				return nil, errors.Join(err, link.Close())
			}
			return host, nil
		},
	}
}
