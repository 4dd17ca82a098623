package fleet

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const goodFleet = `{"environment":"dev","region":"us-west-1",
"repository":"1.dkr.ecr.us-west-1.amazonaws.com/orders-api","target_groups":["arn"],
"instances":[{"id":"i-1","name":"one","zone":"us-west-1a","address":"10.0.0.1"}]}`

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.json")
	require.NoError(t, os.WriteFile(path, []byte(goodFleet), 0o600))
	fleet, err := File(path).Fleet(t.Context(), "dev")
	require.NoError(t, err)
	assert.Equal(t, "i-1", fleet.Instances[0].ID)
	assert.Equal(t, "us-west-1", fleet.RegistryRegion)

	_, err = File(path).Fleet(t.Context(), "prod")
	assert.ErrorContains(t, err, `it describes "dev", not "prod"`)
	_, err = File(path+".none").Fleet(t.Context(), "dev")
	assert.ErrorContains(t, err, "does not exist")
	_, err = File("").Fleet(t.Context(), "dev")
	assert.EqualError(t, err, "read the fleet: the name of its file is empty")
}

func TestAFileNamesWhatIsMissing(t *testing.T) {
	_, err := decode([]byte(`{"environment":"dev","instances":[{"id":"i-1"}]}`))
	for _, field := range []string{"region", "repository", "target_groups", "instances[0].zone", "instances[0].address"} {
		assert.ErrorContains(t, err, field+" is missing")
	}
	_, err = decode([]byte(`{"enviroment":"dev"}`))
	assert.ErrorContains(t, err, `unknown field "enviroment": the fields are environment, region, registry_region, `)
	assert.ErrorContains(t, err, "and those of an instance id, name, zone, address")
	_, err = decode([]byte(goodFleet + "{}"))
	assert.ErrorContains(t, err, "something follows the JSON object")
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(goodFleet))
	f.Add([]byte(`{}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, content []byte) {
		fleet, err := decode(content)
		if err == nil {
			require.NotEmpty(t, fleet.Instances)
			require.NotEmpty(t, fleet.TargetGroups)
		}
	})
}
