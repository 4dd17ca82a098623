package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestRecoveredSaysWhatIsTrueAfterTheRecovery joins the result of a run with that of a recovery by its own process.
func TestRecoveredSaysWhatIsTrueAfterTheRecovery(t *testing.T) {
	at := time.Unix(100, 0)
	ran := Result{
		Run: "one", Outcome: Orphaned, InDoubt: true, Remarks: []string{"first"},
		Instances: []InstanceResult{
			{ID: "i-a", Outcome: Updated, Release: "new"},
			{ID: "i-b", Outcome: OutOfService, Error: "no lease", Steps: []StepResult{{Name: StepStop}}},
			{ID: "i-c", Outcome: Pending, Release: "old"},
		},
	}
	back := Result{Run: "two", Outcome: Healed, Finished: at, Remarks: []string{"second"}, Instances: []InstanceResult{
		{ID: "i-b", Outcome: Restored, Release: "old", Error: "run one died", Steps: []StepResult{{Name: StepDeregister, Undo: true}}},
	}}
	both := ran.Recovered(back)
	assert.Equal(t, Result{
		Run: "one", Outcome: Mixed, Finished: at, Remarks: []string{"first", "second"},
		Instances: []InstanceResult{
			{ID: "i-a", Outcome: Updated, Release: "new"},
			{ID: "i-b", Outcome: Restored, Release: "old", Error: "no lease", Steps: []StepResult{{Name: StepStop}, {Name: StepDeregister, Undo: true}}},
			{ID: "i-c", Outcome: Pending, Release: "old"},
		},
	}, both)
	assert.Equal(t, OutOfService, ran.Instances[1].Outcome, "the result of the run is not changed")

	for name, c := range map[string]struct {
		change func(ran, by *Result)
		want   Outcome
	}{
		"nothing was updated":         {func(ran, _ *Result) { ran.Instances[0].Outcome = Pending }, RolledBack},
		"the recovery failed":         {func(_, by *Result) { by.Outcome = Orphaned }, Orphaned},
		"a signal ended the recovery": {func(_, by *Result) { by.Outcome = Interrupted }, Interrupted},
		"another instance is out":     {func(ran, _ *Result) { ran.Instances[2].Outcome = OutOfService }, Orphaned},
	} {
		before, by := ran, back
		before.Instances = append([]InstanceResult{}, ran.Instances...)
		c.change(&before, &by)
		assert.Equal(t, c.want, before.Recovered(by).Outcome, name)
	}
}
