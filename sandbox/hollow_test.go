package sandbox

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHollowInstancesServe: behind the load balancer nobody can tell them from
// those that run a process.
func TestHollowInstancesServe(t *testing.T) {
	service := growl()
	service.Program = "/nonesuch"
	e := start(t, Options{Service: service, Instances: 30, Hollow: true})
	for _, ask := range []string{"/", "/version"} {
		answer, err := http.Get(e.URL + ask)
		require.NoError(t, err)
		var said struct{ Commit string }
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&said))
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, e.V1, said.Commit)
	}
	assert.Len(t, e.Fleet.Instances, 30)
	assert.Zero(t, e.Calls()["DescribeTargetHealth"])
}

func TestHollowInstancesAreBounded(t *testing.T) {
	_, err := Options{Instances: maxInstances + 1}.withDefaults()
	require.ErrorContains(t, err, "instances=101 is not between 1 and 100")
	_, err = Options{Instances: maxHollow + 1, Hollow: true}.withDefaults()
	require.ErrorContains(t, err, "is not between 1 and 2000")
	_, err = Options{Instances: maxHollow, Hollow: true}.withDefaults()
	require.NoError(t, err)
}

// TestLagsAreAnOption: a target that is registered behind no lag is healthy as
// soon as its checks are.
func TestLagsAreAnOption(t *testing.T) {
	e := start(t, Options{Service: growl(), Instances: 2, Hollow: true, Factor: 100, Lags: Lags{Register: -1, Deregister: -1}})
	group, id := e.Fleet.TargetGroups[0], e.machines[0].ID()
	require.NoError(t, e.balancer.Deregister(group, e.endpoint(e.machines[0])))
	require.NoError(t, e.balancer.Register(group, e.endpoint(e.machines[0])))
	assert.Eventually(t, func() bool {
		health, err := e.balancer.Health(group, e.endpoint(e.machines[0]))
		return err == nil && health[0].State == "healthy" && health[0].Instance == id
	}, time.Minute, 10*time.Millisecond)
}
