package nlb_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/nlb"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// TestAgainstTheSandbox takes one instance out and puts it back. Like a deploy, it is configured by environment
// variables alone.
func TestAgainstTheSandbox(t *testing.T) {
	e, err := sandbox.Start(t.Context(), sandbox.Options{Instances: 2, Factor: 20, Logf: t.Logf})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.Close()) })
	for _, variable := range e.Env() {
		if key, value, _ := strings.Cut(variable, "="); strings.HasPrefix(key, "AWS_") {
			t.Setenv(key, value)
		}
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(e.Fleet.Region))
	require.NoError(t, err)
	groups, err := nlb.NewFromConfig(cfg, e.Fleet.TargetGroups, nlb.Options{MaxBackoff: 10 * time.Millisecond})
	require.NoError(t, err)

	timings, err := groups.Timing(t.Context())
	require.NoError(t, err)
	require.Len(t, timings, 1)
	assert.Equal(t, 300*time.Second, timings[0].Delay)
	assert.True(t, timings[0].CrossZone, "by the load balancer's own attribute")

	require.NoError(t, e.Fault("aws-throttle"))
	id := e.Fleet.Instances[0].ID
	health, err := groups.Health(t.Context())
	require.NoError(t, err)
	require.Equal(t, "healthy", health.Of(id).String())
	target := []rollout.Target{health.Of(id)[0].Target}

	require.NoError(t, groups.Deregister(t.Context(), target))
	require.NoError(t, groups.Deregister(t.Context(), target), "once more is a success")
	await(t, groups, target[0], rollout.TargetDraining)
	require.NoError(t, groups.Register(t.Context(), target), "a draining target may be registered")
	await(t, groups, target[0], rollout.TargetHealthy)
}

// await polls until a target is in a state.
func await(t *testing.T, groups *nlb.Groups, target rollout.Target, want rollout.TargetState) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		health, err := groups.Health(ctx)
		require.NoError(t, err)
		if health.State(target).State == want {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the target is %s, not %s", health.State(target), want)
		}
	}
}
