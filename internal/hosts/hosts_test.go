package hosts_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/hosts"
	"github.com/growl-dev/deploy/internal/sshtest"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
)

// All instances of a fleet wait for the same connection to the jump host.
func TestAFleetDialsItsJumpHostOnce(t *testing.T) {
	key, public, _ := sshtest.KeyFile(t, "")
	jump := sshtest.Start(t, sshtest.Options{Authorized: public})
	jump.SetSilent(true)
	fleet := &hosts.Fleet{
		Dial: remote.Config{
			KeyFile: key, KnownHosts: []string{jump.KnownHosts()},
			Jump: []remote.Hop{{Address: jump.Addr}}, Timeout: 3 * time.Second,
		},
		Spec: docker.Spec{Name: "web", HostPort: 8080, ContainerPort: 8080},
	}
	for n := range 8 {
		fleet.Instances = append(fleet.Instances, rollout.Instance{ID: fmt.Sprintf("i-%d", n), Address: "192.0.2.1"})
	}
	for _, s := range fleet.Status(t.Context(), nil) {
		require.ErrorContains(t, s.Err, "jump host "+jump.Addr+": unreachable: no answer in 3s")
	}
	assert.LessOrEqual(t, jump.Open(), 4, "connections to the jump host; more than one only on a machine that is too busy to start all at once")
}
