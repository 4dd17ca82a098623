package targets

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
)

func TestRepositoryOf(t *testing.T) {
	flag := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	file := filepath.Join(t.TempDir(), "fleet.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"environment":"prod","region":"us-west-2","registry_region":"us-west-1",
		"repository":"registry.example/growl","target_groups":["arn"],
		"instances":[{"id":"i-1","zone":"us-west-2a","address":"10.0.0.1"}]}`), 0o600))
	broken := filepath.Join(t.TempDir(), "broken.json")
	require.NoError(t, os.WriteFile(broken, []byte(`{}`), 0o600))

	tests := []struct {
		name, fleet, repository, region, environment string
		uri, where, fault                            string
		code                                         int
	}{
		{name: "a flag", repository: "r.example/x", region: "eu-west-1", environment: "e.example/x", uri: "r.example/x", where: "eu-west-1"},
		{name: "the environment", environment: "e.example/x", uri: "e.example/x"},
		{name: "a fleet, for any environment", fleet: file, environment: "e.example/x", uri: "registry.example/growl", where: "us-west-1"},
		{name: "a fleet and a region", fleet: file, region: "eu-west-1", uri: "registry.example/growl", where: "eu-west-1"},
		{name: "nothing", fault: "say where to push: ", code: 2},
		{name: "both", fleet: file, repository: "r.example/x", fault: "say where to push once", code: 2},
		{name: "no file", fleet: file + "x", fault: "does not exist", code: 1},
		{name: "a broken fleet", fleet: broken, fault: "read the fleet from " + broken, code: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("REPOSITORY", test.environment)
			uri, where, err := repositoryOf(t.Context(), flag(test.fleet), flag(test.repository), flag(test.region))
			if test.fault != "" {
				require.ErrorContains(t, err, test.fault)
				assert.Equal(t, test.code, mg.ExitStatus(err))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []string{test.uri, test.where}, []string{uri, where})
		})
	}
}

func TestATagThatDoesNotMoveIsExplained(t *testing.T) {
	err := explainConflict(&ecr.ConflictError{Repository: "growl", Tag: "latest", Have: "sha256:a", Want: "sha256:b"})
	require.ErrorContains(t, err, "tag latest of growl names sha256:a already, not sha256:b: its tags are immutable: exempt latest")
	assert.NoError(t, explainConflict(nil))
}
