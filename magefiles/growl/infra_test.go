package growl_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/magefiles/growl"
	"github.com/growl-dev/deploy/remote/docker/firstboot"
	"github.com/growl-dev/deploy/rollout"
)

func TestFirstBootScriptIsNotStale(t *testing.T) {
	want, err := firstboot.Render(service())
	require.NoError(t, err)
	have, err := os.ReadFile(filepath.Join("..", "..", terraformDir, "first-boot.sh"))
	require.NoError(t, err)
	assert.Equal(t, string(want), string(have), "run `go tool mage infra:render`")
}

func TestEnvironmentsAreKnownByName(t *testing.T) {
	for _, name := range []string{"", "qa", "DEV", "../dev"} {
		_, err := growl.Service().Environment(name)
		assert.ErrorContains(t, err, "want one of dev, prod", name)
	}
}

func TestProdGoesBackAsAWholeAndDevDoesNot(t *testing.T) {
	for name, goesBack := range map[string]bool{"prod": true, "dev": false} {
		e, err := growl.Service().Environment(name)
		require.NoError(t, err)
		policy, err := rollout.ParsePolicy(rollout.DefaultPolicy(), e.Policy)
		require.NoError(t, err)
		assert.Equal(t, goesBack, policy.Rollback, name)
	}
}
