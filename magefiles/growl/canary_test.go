package growl_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
)

// TestASecretOfTheEnvFileIsNowhere runs deploys that succeed and fail with a secret in the env file, and searches for
// it in the output, the reports, the ledger and all remaining files.
func TestASecretOfTheEnvFileIsNowhere(t *testing.T) {
	needTime(t)
	t.Parallel()
	s := newStack(t)
	assert.Contains(t, s.ok("env:seal"), "dev: sealed anew")
	s.ok("env:check")
	report := s.path("report.json")
	s.ok(append(s.deploy(s.vars["V2"]), "-report="+report, "-probe=http://"+s.vars["NLB"]+"/")...)
	assert.Contains(t, s.containerEnv(), "SECRET="+canary, "the service got no secret to keep")
	assertOutcome(t, report, rollout.Deployed)

	// A release that dies with its environment in its last words.
	s.onInstances(canaryEnv + "PORT=" + canary + "\n")
	code, output := s.run(nil, append(s.deploy(s.vars["V1"]), "-report="+report)...)
	require.Equal(t, rollout.RolledBack.ExitCode(), code, "%s", output)
	assert.Contains(t, output, "is not a port", "its last words are not told")
	assertOutcome(t, report, rollout.RolledBack)
	s.onInstances(canaryEnv)

	s.onInstances(canaryEnv + "not " + canary + "=\n")
	assert.Contains(t, s.refuses(nil, s.deploy(s.vars["V1"])...), "line 3")
	s.onInstances(canaryEnv)
	s.write(devEnv, canaryEnv+"not "+canary+"=\n")
	assert.Contains(t, s.refuses(nil, "env:seal"), "line 3")
	assert.Contains(t, s.refuses(nil, "env:check"), "line 3")
	s.write(devEnv, canaryEnv)
	s.ok("deploy:status", "dev")
	s.ok("deploy:history", "dev")
	s.requireNoCanary()
}

func assertOutcome(t *testing.T, file string, want rollout.Outcome) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var document struct{ Outcome rollout.Outcome }
	require.NoError(t, json.Unmarshal(text, &document))
	assert.Equal(t, want, document.Outcome)
}

// containerEnv is the environment of the service on the first instance.
func (s *stack) containerEnv() []string {
	t := s.t
	t.Helper()
	conn := s.dial(0)
	defer conn.Close()
	api, err := client.New(client.WithHost("http://docker"), client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) {
		return conn.DialUnix(ctx, docker.DefaultSocket)
	}))
	require.NoError(t, err)
	defer api.Close()
	found, err := api.ContainerInspect(t.Context(), service().Name, client.ContainerInspectOptions{})
	require.NoError(t, err)
	return found.Container.Config.Env
}

// object is an object of the state's and the ledger's bucket.
func (s *stack) object(key string) string {
	s.t.Helper()
	name := defaultBucket
	got, err := s.bucket().GetObject(s.t.Context(), &s3.GetObjectInput{Bucket: &name, Key: &key})
	require.NoError(s.t, err)
	defer got.Body.Close()
	var text strings.Builder
	_, err = io.Copy(&text, got.Body)
	require.NoError(s.t, err)
	return text.String()
}
