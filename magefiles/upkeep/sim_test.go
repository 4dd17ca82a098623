package upkeep

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// simulated is the report of a simulation that ends as it has to.
func simulated(t *testing.T, seeds, seed *int, mutate *string, fails bool) (r simulation) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	err := Test{}.Sim(t.Context(), seeds, seed, &file, mutate)
	require.Equal(t, fails, err != nil, "%v", err)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &r))
	return r
}

type simulation struct {
	Seeds  int
	Counts struct {
		Stories, Runs, Steps  int
		Faults, Kills, Checks map[string]int
	}
	Failed []struct {
		Seed         int
		Why, Command string
	}
}

func TestSimTellsStoriesAndCountsThem(t *testing.T) {
	t.Chdir("../..")
	seeds := 50
	r := simulated(t, &seeds, nil, nil, false)
	assert.Equal(t, seeds, r.Seeds)
	assert.Equal(t, seeds, r.Counts.Stories)
	assert.Positive(t, r.Counts.Runs)
	assert.Positive(t, r.Counts.Steps)
	assert.Positive(t, r.Counts.Faults["lost answer"])
	assert.Positive(t, r.Counts.Kills["by an entry, before"])
	assert.Positive(t, r.Counts.Checks["floor"])
	assert.Empty(t, r.Failed)
}

// What goes wrong names its seed and the command that tells it again.
func TestSimFailsForAMutantAndNamesTheSeed(t *testing.T) {
	t.Chdir("../..")
	seeds, mutant := 100, "forget-journal"
	r := simulated(t, &seeds, nil, &mutant, true)
	require.NotEmpty(t, r.Failed)
	first := r.Failed[0]
	assert.Regexp(t, `^go tool mage test:sim -seed=\d+ -mutate=forget-journal$`, first.Command)
	again := simulated(t, nil, &first.Seed, &mutant, true)
	require.Len(t, again.Failed, 1)
	assert.Equal(t, first, again.Failed[0])
}

func TestSimRefusesWhatMakesNoSense(t *testing.T) {
	t.Chdir("../..")
	none, one, mutant := 0, 1, "forget-all"
	for _, test := range []struct {
		seeds, seed *int
		mutate      *string
		want        string
	}{
		{&none, nil, nil, "-seeds=0: want 1 or more"},
		{&one, &one, nil, "-seeds=1 -seed=1: want one of them"},
		{&one, nil, &mutant, `unknown mutant "forget-all": want one of skip-intent, forget-journal, `},
	} {
		err := Test{}.Sim(t.Context(), test.seeds, test.seed, nil, test.mutate)
		require.ErrorContains(t, err, test.want)
		assert.Equal(t, 2, mg.ExitStatus(err))
	}
}
