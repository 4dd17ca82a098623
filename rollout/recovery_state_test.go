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

// TestRecoveryReadsAnEntryWithoutTargets reads a journal of version 2 of the ledger, in which an entry leaves out what the
// entries of its instance before it hold.
func TestRecoveryReadsAnEntryWithoutTargets(t *testing.T) {
	s := unrecovered([]Entry{
		{Instance: "i-1", Step: StepDeregister, Mark: Begun, Old: "old", New: "new", Targets: []Target{{groupA, "i-1", 8080}}},
		{Instance: "i-1", Step: StepJoin, Mark: Done}, {Instance: "i-1", Step: StepSettle, Mark: Begun},
		{Instance: "i-1", Step: StepDeregister, Mark: Begun}, {Instance: "i-1", Step: StepRegister, Mark: Begun},
	})["i-1"]
	assert.Equal(t, []Target{{groupA, "i-1", 8080}}, s.targets)
	assert.Equal(t, "old new", s.old+" "+s.new)
}

// closeEarlier removes an instance whose update was closed from the journals of earlier runs, as the ledger does.
func closeEarlier(earlier []Entry, e Entry) []Entry {
	if !e.Closes() {
		return earlier
	}
	return slices.DeleteFunc(slices.Clone(earlier), func(before Entry) bool { return before.Instance == e.Instance })
}

// TestRecoveryNeedsNothingThatAppendRemoved compares a shortened journal with the whole one, at every entry of runs that
// follow each other: a run's journal begins empty, and the earlier ones stay.
func TestRecoveryNeedsNothingThatAppendRemoved(t *testing.T) {
	removed, inDoubt := 0, 0
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 7))
		var earlier, earlierShort, all, short []Entry
		for n := range 1 + random.IntN(8) {
			if random.IntN(3) == 0 { // the run was killed, and another follows
				earlier, earlierShort = append(earlier, all...), append(earlierShort, short...)
				all, short = nil, nil
			}
			for _, e := range way(random, fmt.Sprintf("i-%d", random.IntN(3)), n) {
				all, short, earlierShort = append(all, e), Append(short, e), closeEarlier(earlierShort, e)
				whole := unrecovered(slices.Concat(earlier, all))
				require.Equal(t, whole, unrecovered(slices.Concat(earlierShort, short)), "seed %d: %v became %v", seed, spell(slices.Concat(earlier, all)), spell(slices.Concat(earlierShort, short)))
				inDoubt += len(whole)
			}
		}
		removed += len(earlier) + len(all) - len(earlierShort) - len(short)
	}
	assert.Positive(t, removed)
	assert.Positive(t, inDoubt)
}

// TestAJournalIsBoundedByWhatIsOut repeats what an act that is tried again records.
func TestAJournalIsBoundedByWhatIsOut(t *testing.T) {
	var journal []Entry
	record := func(instance string, step StepName, mark Mark) {
		journal = Append(journal, Entry{Instance: instance, Step: step, Mark: mark})
	}
	for i := range 500 {
		instance := fmt.Sprintf("i-%d", i)
		for _, step := range Steps() {
			record(instance, step, Begun)
			for range 50 { // registers again what it finds missing
				record(instance, step, Begun)
				record(instance, step, Done)
			}
		}
	}
	assert.Len(t, journal, 1, "all are in service: %v", journal)
	for i := range 500 {
		instance := fmt.Sprintf("i-%d", i)
		for _, step := range Steps()[:8] {
			record(instance, step, Begun)
			record(instance, step, Done)
		}
	}
	assert.LessOrEqual(t, len(journal), 500*8+1, "the first one, and one for each step but preparing")
}

// spell writes a journal in a few words: "i-1 stop begun".
func spell(journal []Entry) (words []string) {
	for _, e := range journal {
		words = append(words, fmt.Sprintf("%s %s %s %s", e.Instance, e.Step, e.Mark, e.New))
	}
	return words
}
