package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAServiceIsAsItsOptionsSay: a container checks its own health, keeps a pool and
// counts nothing, and is behind the load balancer like any other.
func TestAServiceIsAsItsOptionsSay(t *testing.T) {
	e := start(t, Options{Instances: 1, Service: Service{VersionPath: "/version", Pool: 3, HealthCheck: 2 * time.Second}})
	answer, err := http.Get(e.URL + "/version")
	require.NoError(t, err)
	defer answer.Body.Close()
	said := map[string]any{}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&said))
	assert.Equal(t, e.V1, said["commit"])
	assert.NotContains(t, said, "connections")

	m := e.machines[0]
	var found container.InspectResponse
	require.Eventually(t, func() bool {
		inspected, err := m.docker.ContainerInspect(t.Context(), DefaultName, client.ContainerInspectOptions{})
		require.NoError(t, err)
		found = inspected.Container
		return found.State.Health.Status == container.Healthy
	}, time.Minute, 10*time.Millisecond)
	for label := range found.Config.Labels {
		assert.False(t, strings.HasPrefix(label, "dev.growl."), label)
	}
	table := m.Wire().Table(DefaultPort)
	pool := 0
	for _, row := range table.Rows {
		if row.Peer.Port() == 5432 {
			pool++
		}
	}
	assert.Equal(t, 3, pool)
	assert.Greater(t, table.ActiveOpens, uint64(3), "its own checks")
}

func TestServicesThatCannotBe(t *testing.T) {
	for want, s := range map[string]Service{
		`name "Orders API" is not lower-case`:                  {Name: "Orders API"},
		"host port 70000 is not between":                       {HostPort: 70000, ContainerPort: 80},
		"container port -1 is not between":                     {ContainerPort: -1},
		`health path "ready" does not begin with /`:            {HealthPath: "ready"},
		`version path "version" does not begin with /`:         {VersionPath: "version"},
		`version path "/healthz" is its health path too`:       {VersionPath: "/healthz"},
		`count field "connections" is of no version path`:      {CountField: "connections"},
		`count field "commit" has another meaning`:             {VersionPath: "/version", CountField: "commit"},
		`env file "env" is not an absolute path`:               {EnvFile: "env"},
		"mount logs:/logs has a path that is not absolute":     {Mounts: []Mount{{"logs", "/logs"}}},
		`count file "/logs/../count" is under no mount`:        {CountFile: "/logs/../count", Mounts: []Mount{{"/logs", "/logs"}}},
		`signal "SIGDRAIN" is none`:                            {DrainSignal: "SIGDRAIN"},
		"pool of -1 connections is not between":                {Pool: -1},
		"health check every -1s is negative":                   {HealthCheck: -time.Second},
		"lower-case letters and digits with single separators": {Name: "orders--api"},
	} {
		_, err := Options{Service: s}.withDefaults()
		assert.ErrorContains(t, err, want)
	}
	_, err := Options{Hollow: true, Service: Service{Pool: 1}}.withDefaults()
	require.ErrorContains(t, err, "hollow instances run no process")
}
