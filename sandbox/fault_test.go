package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/growl-dev/deploy/internal/porttest"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

func TestUnknownFaultListsTheKnownOnes(t *testing.T) {
	err := CheckFault("gremlins")
	require.ErrorContains(t, err, `unknown fault "gremlins": want one of aws-throttle, `)
	for _, f := range Faults() {
		assert.ErrorContains(t, err, f.Name)
		assert.NoError(t, CheckFault(f.Name))
		assert.True(t, strings.HasSuffix(f.Effect, "."), f.Effect)
	}
}

// swap replaces release v1 on a machine by v2, as a deploy would.
func swap(t *testing.T, e *Environment, m *machine) string {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	image := e.Fleet.Repository + ":" + e.V2
	require.NoError(t, m.pull(ctx, image, e.token()))
	_, err := m.docker.ContainerRemove(ctx, e.opts.Service.Name, client.ContainerRemoveOptions{Force: true})
	require.NoError(t, err)
	o := e.opts.Service.containerByHand(image)
	o.HostConfig.RestartPolicy.Name = "no"
	created, err := m.docker.ContainerCreate(ctx, o)
	require.NoError(t, err)
	_, err = m.docker.ContainerStart(ctx, created.ID, client.ContainerStartOptions{})
	require.NoError(t, err)
	return created.ID
}

// ask asks a machine's service directly.
func ask(t *testing.T, e *Environment, m *machine, path string) (status int, body string, err error) {
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return m.Wire().Dial(ctx, e.opts.Service.HostPort, netip.AddrPortFrom(wire.Gateway, 1))
	}}, Timeout: 10 * time.Second}
	answer, err := web.Get("http://instance" + path)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// foreign is a service that is not written in Go: a stand-in runs in its place.
func foreign() Service {
	return Service{Name: "orders-api", HostPort: 9000, ContainerPort: 80, HealthPath: "/ready", EnvFile: "/srv/orders/env"}
}

// commitOn is the commit that a machine's service answers with.
func commitOn(t *testing.T, e *Environment, m *machine) string {
	t.Helper()
	_, body, err := ask(t, e, m, cmp.Or(e.opts.Service.VersionPath, "/"))
	require.NoError(t, err)
	var who struct{ Commit string }
	require.NoError(t, json.Unmarshal([]byte(body), &who))
	return who.Commit
}

func TestBadReleases(t *testing.T) {
	for name, service := range map[string]Service{"of a program": growl(), "of a stand-in": foreign()} {
		t.Run(name, func(t *testing.T) { testBadReleases(t, start(t, Options{Service: service, Instances: 1, Factor: 100})) })
	}
}

func testBadReleases(t *testing.T, e *Environment) {
	m := e.machines[0]
	require.Equal(t, e.V1, commitOn(t, e, m))
	t.Run("v2 itself is good", func(t *testing.T) {
		swap(t, e, m)
		require.NoError(t, m.awaitService(t.Context(), e.opts.Service))
		assert.Equal(t, e.V2, commitOn(t, e, m))
	})
	for fault, last := range map[string]string{"bad-image": "this release cannot start", "leaky-image": "fatal: it prints what it should not"} {
		t.Run(fault, func(t *testing.T) {
			require.NoError(t, e.Fault(fault))
			assert.Contains(t, exits(t, m, swap(t, e, m)), e.opts.Service.Name+": fatal: ")
			assert.Contains(t, exits(t, m, swap(t, e, m)), last)
		})
	}
	t.Run("never-healthy", func(t *testing.T) {
		require.NoError(t, e.Fault("never-healthy"))
		swap(t, e, m)
		require.Eventually(t, func() bool {
			status, _, err := ask(t, e, m, e.opts.Service.HealthPath)
			return err == nil && status == http.StatusInternalServerError
		}, time.Minute, servePoll)
		assert.Equal(t, e.V2, commitOn(t, e, m))
	})
	t.Run("slow-start", func(t *testing.T) {
		require.NoError(t, e.Fault("slow-start"))
		began := time.Now()
		swap(t, e, m)
		require.NoError(t, m.awaitService(t.Context(), e.opts.Service))
		assert.GreaterOrEqual(t, time.Since(began), slowStartAt/100)
		assert.Equal(t, e.V2, commitOn(t, e, m))
	})
}

// exits waits until a container exits, with code 2, and returns what it printed.
func exits(t *testing.T, m *machine, id string) string {
	t.Helper()
	waited := m.docker.ContainerWait(t.Context(), id, client.ContainerWaitOptions{Condition: "not-running"})
	select {
	case exit := <-waited.Result:
		assert.Equal(t, int64(2), exit.StatusCode)
	case err := <-waited.Error:
		require.NoError(t, err)
	}
	logs, err := m.docker.ContainerLogs(t.Context(), id, client.ContainerLogsOptions{ShowStderr: true})
	require.NoError(t, err)
	defer logs.Close()
	text, err := io.ReadAll(logs)
	require.NoError(t, err)
	return string(text)
}

func TestLoadBalancerChecksFailForV2Alone(t *testing.T) {
	e := start(t, Options{Service: growl(), Instances: 2, Factor: 100})
	require.NoError(t, e.Fault("lb-unhealthy"))
	swap(t, e, e.machines[0])
	require.NoError(t, e.machines[0].awaitService(t.Context(), e.opts.Service), "the program is fine")
	require.Eventually(t, func() bool {
		health := map[string]string{}
		out, err := elbv2.NewFromConfig(sdk(t, e)).DescribeTargetHealth(t.Context(), &elbv2.DescribeTargetHealthInput{TargetGroupArn: &e.Fleet.TargetGroups[0]})
		require.NoError(t, err)
		for _, d := range out.TargetHealthDescriptions {
			health[*d.Target.Id] = string(d.TargetHealth.State)
		}
		return health[e.machines[0].ID()] == string(rollout.TargetUnhealthy) && health[e.machines[1].ID()] == string(rollout.TargetHealthy)
	}, time.Minute, 20*time.Millisecond)
}

func TestAWSFaults(t *testing.T) {
	e := start(t, Options{Service: growl(), Instances: 1})
	for name, code := range map[string]string{"aws-throttle": "Throttling", "aws-errors": "InternalFailure"} {
		require.NoError(t, e.Fault(name))
		once := elbv2.NewFromConfig(sdk(t, e), func(o *elbv2.Options) { o.Retryer = aws.NopRetryer{} })
		patient := elbv2.NewFromConfig(sdk(t, e), func(o *elbv2.Options) {
			o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts, s.MaxBackoff = 50, time.Millisecond })
		})
		require.Eventually(t, func() bool {
			_, err := once.DescribeTargetGroups(t.Context(), &elbv2.DescribeTargetGroupsInput{})
			return err != nil && strings.Contains(err.Error(), code)
		}, time.Minute, time.Millisecond)
		_, err := patient.DescribeTargetGroups(t.Context(), &elbv2.DescribeTargetGroupsInput{})
		require.NoError(t, err, "those who try again get through")
	}
}

func TestPullFaults(t *testing.T) {
	for _, name := range []string{"pull-fails", "disk-full"} {
		e := start(t, Options{Service: growl(), Instances: 2})
		require.NoError(t, e.Fault(name))
		require.Error(t, e.victim().pull(t.Context(), e.Fleet.Repository+":"+e.V2, e.token()), name)
		require.Equal(t, e.V1, commitBehind(t, e.URL), "what runs goes on")
	}
}

func TestEngineGone(t *testing.T) {
	e := start(t, Options{Service: growl(), Instances: 2})
	require.NoError(t, e.Fault("engine-gone"))
	_, err := e.victim().docker.Ping(t.Context(), client.PingOptions{})
	require.Error(t, err)
	_, err = e.machines[0].docker.Ping(t.Context(), client.PingOptions{})
	require.NoError(t, err, "the other one's is there")
	status, _, err := ask(t, e, e.victim(), "/healthz")
	require.NoError(t, err, "its container runs on")
	assert.Equal(t, http.StatusOK, status)
}

// dialSSH logs in as a deploy would.
func dialSSH(t *testing.T, e *Environment, m *machine) (*ssh.Client, error) {
	env := variables(e)
	pem, err := os.ReadFile(env["SSH_KEY"])
	require.NoError(t, err)
	key, err := ssh.ParsePrivateKey(pem)
	require.NoError(t, err)
	known, err := knownhosts.New(env["SSH_KNOWN_HOSTS"])
	require.NoError(t, err)
	return ssh.Dial("tcp", m.Addr(), &ssh.ClientConfig{
		User: e.Fleet.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: known, Timeout: 10 * time.Second,
	})
}

func TestSSHRefused(t *testing.T) {
	e := start(t, Options{Service: growl(), Instances: 2})
	first, err := dialSSH(t, e, e.machines[0])
	require.NoError(t, err)
	defer first.Close()
	require.NoError(t, e.Fault("ssh-refused"))
	porttest.Closed(t, e.victim().Addr())
	again, err := dialSSH(t, e, e.machines[0])
	require.NoError(t, err, "the other one's is there")
	require.NoError(t, again.Close())
}

func TestSSHIsCutWhenTheOldContainerStops(t *testing.T) {
	e := start(t, Options{Service: growl(), Instances: 2})
	require.NoError(t, e.Fault("ssh-cut"))
	c, err := dialSSH(t, e, e.victim())
	require.NoError(t, err)
	_, _, err = c.SendRequest("keepalive@openssh.com", true, nil)
	require.NoError(t, err, "connected as long as the container runs")

	_, err = e.victim().docker.ContainerStop(t.Context(), growl().Name, client.ContainerStopOptions{})
	require.NoError(t, err)
	require.Error(t, c.Wait(), "the connection ends")
	again, err := dialSSH(t, e, e.victim())
	require.NoError(t, err, "a new one is accepted")
	require.NoError(t, again.Close())
}
