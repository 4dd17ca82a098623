package rollout

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// way is one instance's way through a run: it is broken off anywhere, turned back
// anywhere before it is settled, and may begin anywhere, as recovery's does.
func way(random *rand.Rand, instance string, old int) (entries []Entry) {
	record := func(step StepName, mark Mark) {
		entries = append(entries, Entry{
			Instance: instance, Step: step, Mark: mark, Old: fmt.Sprint(old), New: fmt.Sprint(old + 1),
			Targets: []Target{{groupA, instance, old + 1}}, Unserved: old%2 == 1,
		})
	}
	steps := Steps()
	steps = steps[random.IntN(len(steps)):]
	turn := random.IntN(len(steps) + 3)
	for i, step := range steps {
		record(step, Begun)
		if i != turn {
			record(step, Done)
			continue
		}
		record(step, Failed)
		if step == StepSettle {
			break
		}
		for _, undo := range []StepName{StepRegister, StepStop, StepDrain, StepDeregister} {
			record(undo, Undoing)
			if random.IntN(5) == 0 {
				record(undo, Failed)
				break
			}
			record(undo, Undone)
		}
		break
	}
	if random.IntN(2) == 0 {
		return entries[:1+random.IntN(len(entries))] // killed
	}
	return entries
}

// thin appends to a journal what it need not know already, and drops what that
// outdates.
func thin(journal []Entry, e Entry) []Entry {
	of := func(earlier Entry) bool { return earlier.Instance == e.Instance && earlier.Step != StepPrepare }
	var way []Entry
	for _, earlier := range journal {
		if of(earlier) {
			way = append(way, earlier)
		}
	}
	outdated := Outdated(way, e)
	if slices.Contains(outdated, true) {
		journal = slices.DeleteFunc(journal, func(earlier Entry) (drop bool) {
			if of(earlier) {
				drop, outdated = outdated[0], outdated[1:]
			}
			return drop
		})
	}
	return append(journal, Lean(way, e))
}

// TestALeanEntryNeverBeginsEmptyHanded: what an entry left out is known even where the
// one between was dropped.
func TestALeanEntryNeverBeginsEmptyHanded(t *testing.T) {
	var left []Entry
	for _, e := range []Entry{
		{Step: StepDeregister, Mark: Begun}, {Step: StepJoin, Mark: Done}, {Step: StepSettle, Mark: Begun},
		{Step: StepRegister, Mark: Begun}, {Step: StepDeregister, Mark: Begun}, {Step: StepRegister, Mark: Begun},
	} {
		e.Instance, e.Old, e.New, e.Targets = "i-1", "old", "new", []Target{{groupA, "i-1", 8080}}
		left = thin(left, e)
	}
	f := unrecovered(left)["i-1"]
	assert.Equal(t, []Target{{groupA, "i-1", 8080}}, f.targets)
	assert.Equal(t, "old new", f.old+" "+f.new)
}

// Recovery finds the same in flight, and knows the same of it, in a journal from
// which all was dropped that is outdated: at every entry of runs that follow each
// other, where a run's journal begins anew and the earlier ones' stay.
func TestRecoveryMissesNothingThatIsOutdated(t *testing.T) {
	dropped, inDoubt := 0, 0
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 7))
		var earlier, earlierThin, all, left []Entry
		for n := range 1 + random.IntN(8) {
			if random.IntN(3) == 0 { // the run was killed, and another follows
				earlier, earlierThin = append(earlier, all...), append(earlierThin, left...)
				all, left = nil, nil
			}
			for _, e := range way(random, fmt.Sprintf("i-%d", random.IntN(3)), n) {
				if e.Step == StepPrepare {
					continue
				}
				all, left = append(all, e), thin(left, e)
				whole := unrecovered(append(earlier[:len(earlier):len(earlier)], all...))
				require.Equal(t, whole, unrecovered(append(earlierThin[:len(earlierThin):len(earlierThin)], left...)), "seed %d: %v became %v", seed, all, left)
				inDoubt += len(whole)
			}
		}
		dropped += len(earlier) + len(all) - len(earlierThin) - len(left)
	}
	assert.Positive(t, dropped)
	assert.Positive(t, inDoubt)
}
