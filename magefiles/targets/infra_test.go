package targets

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/remote/docker/firstboot"
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
		_, err := environmentOf(name)
		assert.ErrorContains(t, err, "want one of dev, prod", name)
		_, err = stateOf(name)
		assert.ErrorContains(t, err, "want one of dev, prod, or shared for what they share", name)
		_, err = settings{Environment: name}.check()
		assert.ErrorContains(t, err, "want one of dev, prod", name)
	}
}

func TestProdGoesBackAsAWholeAndDevDoesNot(t *testing.T) {
	assert.True(t, defaultPolicy("prod").Rollback)
	assert.False(t, defaultPolicy("dev").Rollback)
}
