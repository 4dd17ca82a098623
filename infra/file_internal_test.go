package infra

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const goodFleet = `{"environment":"dev","region":"us-west-1","registry_region":"us-west-1",
"repository":"1.dkr.ecr.us-west-1.amazonaws.com/growl-backend","load_balancer":"lb:80","target_groups":["arn"],
"instances":[{"id":"i-1","name":"one","zone":"us-west-1a","address":"10.0.0.1"}]}`

func TestReadOutputs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.json")
	require.NoError(t, os.WriteFile(path, []byte(goodFleet), 0o600))
	fleet, err := ReadOutputs(path, "dev")
	require.NoError(t, err)
	assert.Equal(t, "i-1", fleet.Instances[0].ID)

	_, err = ReadOutputs(path, "prod")
	assert.ErrorContains(t, err, `it describes "dev", not "prod"`)
	_, err = ReadOutputs(path+".none", "dev")
	assert.ErrorContains(t, err, "does not exist")
}

func TestDecodeOutputsNamesWhatIsMissing(t *testing.T) {
	_, err := decodeOutputs([]byte(`{"environment":"dev","instances":[{"id":"i-1"}]}`))
	for _, field := range []string{"region", "repository", "target_groups", "instances[0].zone", "instances[0].address"} {
		assert.ErrorContains(t, err, field+" is missing")
	}
	_, err = decodeOutputs([]byte(`{"enviroment":"dev"}`))
	assert.ErrorContains(t, err, `unknown field "enviroment"`)
}

func FuzzDecodeOutputs(f *testing.F) {
	f.Add([]byte(goodFleet))
	f.Add([]byte(`{}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, content []byte) {
		fleet, err := decodeOutputs(content)
		if err == nil {
			require.NotEmpty(t, fleet.Instances)
			require.NotEmpty(t, fleet.TargetGroups)
		}
	})
}
