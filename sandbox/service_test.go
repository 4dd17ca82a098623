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
	e := start(t, Options{Instances: 1, Service: Service{Uncounted: true, Pool: 3, HealthCheck: 2 * time.Second}})
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
		inspected, err := m.docker.ContainerInspect(t.Context(), repositoryName, client.ContainerInspectOptions{})
		require.NoError(t, err)
		found = inspected.Container
		return found.State.Health.Status == container.Healthy
	}, 20*time.Second, 10*time.Millisecond)
	for label := range found.Config.Labels {
		assert.False(t, strings.HasPrefix(label, "dev.growl."), label)
	}
	table := m.Wire().Table(servicePort)
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
	for _, o := range []Options{
		{Service: Service{Pool: -1}}, {Service: Service{HealthCheck: -1}}, {Hollow: true, Service: Service{Pool: 1}},
	} {
		_, err := o.withDefaults()
		require.ErrorContains(t, err, "service=")
	}
}
