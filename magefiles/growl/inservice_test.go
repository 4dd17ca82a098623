package growl_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/nlb"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/rollout"
)

// running is the state of an instance: the commit that its service returns, and its containers' names.
type running struct {
	commit     string
	id         string // of the container that runs
	containers []string
}

// inspect reads the state of every instance over SSH. Each must run one container, the service, that starts after a reboot
// and answers requests.
func (p place) inspect(t *testing.T) map[string]running {
	t.Helper()
	found := map[string]running{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, i := range p.fleet.Instances {
		all.Go(func() {
			r := p.inspectInstance(t, i)
			mu.Lock()
			defer mu.Unlock()
			found[i.ID] = r
		})
	}
	all.Wait()
	return found
}

func (p place) inspectInstance(t *testing.T, i rollout.Instance) (found running) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := remote.Dial(ctx, remote.Config{
		Name: i.ID, Address: i.Address, User: p.fleet.User, KeyFile: p.vars["SSH_KEY"], KnownHosts: []string{p.vars["SSH_KNOWN_HOSTS"]},
	})
	if !assert.NoError(t, err) {
		return found
	}
	defer conn.Close()
	for _, c := range listContainers(ctx, t, conn) {
		found.containers = append(found.containers, c.Names[0])
		if c.State == container.StateRunning {
			assert.Empty(t, found.id, "%s runs several containers", i.Name)
			assert.Equal(t, "/growl-backend", c.Names[0], "%s runs another container", i.Name)
			found.id = c.ID
		}
	}
	assert.NotEmpty(t, found.id, "%s runs nothing", i.Name)
	found.commit = commit(ctx, t, conn)
	slices.Sort(found.containers)
	return found
}

// listContainers lists all containers of an instance and checks that the one that runs
// would be started again.
func listContainers(ctx context.Context, t *testing.T, conn *remote.Client) []container.Summary {
	api, err := client.New(client.WithHost("http://docker"), client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) {
		return conn.DialUnix(ctx, "/var/run/docker.sock")
	}))
	if !assert.NoError(t, err) {
		return nil
	}
	defer api.Close()
	found, err := api.ContainerList(ctx, client.ContainerListOptions{All: true})
	assert.NoError(t, err)
	for _, c := range found.Items {
		if c.State != container.StateRunning {
			continue
		}
		details, err := api.ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
		if assert.NoError(t, err) {
			assert.Equal(t, container.RestartPolicyAlways, details.Container.HostConfig.RestartPolicy.Name, c.Names)
		}
	}
	return found.Items
}

// commit returns the commit that the service on an instance reports.
func commit(ctx context.Context, t *testing.T, conn *remote.Client) string {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		return conn.DialTCP(ctx, address)
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:8080/version", http.NoBody)
	if !assert.NoError(t, err) {
		return ""
	}
	answer, err := transport.RoundTrip(request)
	if !assert.NoError(t, err) {
		return ""
	}
	defer answer.Body.Close()
	var version struct{ Commit string }
	assert.NoError(t, json.NewDecoder(answer.Body).Decode(&version))
	return version.Commit
}

// health returns the health of every target at the load balancer.
func (p place) health(ctx context.Context, t *testing.T) (rollout.Health, error) {
	groups, err := nlb.NewFromConfig(p.aws(t), p.fleet.TargetGroups, nlb.Options{})
	require.NoError(t, err)
	return groups.Health(ctx)
}

// assertHealthy checks the health once, without waiting, because a run that ended well has waited for it.
func (p place) assertHealthy(t *testing.T) {
	t.Helper()
	health, err := p.health(t.Context(), t)
	require.NoError(t, err)
	for _, i := range p.fleet.Instances {
		assert.Equal(t, "healthy", health.Of(i.ID).String(), i.Name)
	}
}

// awaitHealthy waits, as long as a registration takes: a run that was broken off
// does not.
func (p place) awaitHealthy(t *testing.T) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		health, err := p.health(t.Context(), t)
		require.NoError(c, err)
		for _, i := range p.fleet.Instances {
			assert.Equal(c, "healthy", health.Of(i.ID).String(), i.Name)
		}
	}, 2*time.Minute, 50*time.Millisecond)
}
