package targets

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSimTellsStoriesAndCountsThem(t *testing.T) {
	t.Chdir("../..")
	seeds, file := 20, filepath.Join(t.TempDir(), "report.json")
	require.NoError(t, Test{}.Sim(t.Context(), &seeds, &file, nil))
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var report struct {
		Seeds  int            `json:"seeds"`
		Counts map[string]int `json:"counts"`
		Failed []uint64       `json:"failed_seeds"`
	}
	require.NoError(t, json.Unmarshal(content, &report))
	assert.Equal(t, seeds, report.Seeds)
	assert.Equal(t, seeds, report.Counts["stories"])
	assert.Positive(t, report.Counts["check: floor"])
	assert.Empty(t, report.Failed)
}

func TestSimFailsForAMutant(t *testing.T) {
	t.Chdir("../..")
	seeds, mutant := 100, "forget-journal"
	require.Error(t, Test{}.Sim(t.Context(), &seeds, nil, &mutant))
}

func TestSimRefusesNoStories(t *testing.T) {
	none := 0
	err := Test{}.Sim(t.Context(), &none, nil, nil)
	require.ErrorContains(t, err, "-seeds=0")
	assert.Equal(t, 2, mg.ExitStatus(err))
}
