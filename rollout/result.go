package rollout

import (
	"cmp"
	"slices"
	"time"
)

// Outcome is the ending of a run.
type Outcome string

// The endings of a run. Each has its exit code.
const (
	// Deployed: every instance runs the release. Exit code 0.
	Deployed Outcome = "deployed"
	// UnchangedRun: every instance ran the release already. Exit code 0.
	UnchangedRun Outcome = "unchanged"
	// Healed: the instances that a dead run left in flight are in service again. Exit code 0.
	Healed Outcome = "healed"
	// Skipped: the release is older than what the environment runs, and the caller wanted only newer ones. Nothing was
	// touched. Exit code 0.
	Skipped Outcome = "skipped"
	// Refused: no target deregistered and no container changed. Exit code 1.
	Refused Outcome = "refused"
	// RolledBack: halted, every instance ends on what it ran before. Exit code 3.
	RolledBack Outcome = "rolled_back"
	// Mixed: the fleet ends with two releases, and every instance that was healthy before is
	// in service. Exit code 4.
	Mixed Outcome = "mixed"
	// Orphaned: an instance is out of service. This outcome wins over all others. Exit code 5.
	Orphaned Outcome = "orphaned"
	// Interrupted: broken off by a signal. Every instance is in service, or registered and
	// named as not healthy yet. Exit code 6.
	Interrupted Outcome = "interrupted"
)

// ExitCode returns the process exit code that stands for the outcome.
func (o Outcome) ExitCode() int {
	switch o {
	case Deployed, UnchangedRun, Healed, Skipped:
		return 0
	case RolledBack:
		return 3
	case Mixed:
		return 4
	case Orphaned:
		return 5
	case Interrupted:
		return 6
	default:
		return 1
	}
}

// InstanceOutcome is the ending of a run for one instance.
type InstanceOutcome string

// The endings of an instance.
const (
	// Updated: it runs the release and is in service.
	Updated InstanceOutcome = "updated"
	// Unchanged: it ran the release already and was left alone.
	Unchanged InstanceOutcome = "unchanged"
	// Restored: its update failed or was broken off; what it ran before is in service again.
	Restored InstanceOutcome = "restored"
	// Pending: it was never touched and runs what it ran.
	Pending InstanceOutcome = "pending"
	// OutOfService: it does not serve, although it should. Spelled "failed" in the report.
	OutOfService InstanceOutcome = "failed"
)

// Result describes what a run did. It is the report's JSON.
type Result struct {
	Run         string  `json:"run"`
	Environment string  `json:"environment"`
	Outcome     Outcome `json:"outcome"`
	Release     Release `json:"release"`
	// Before is the release that every instance in service ran when the run began; zero if they ran several, or one that
	// nothing can go back to.
	Before    Release          `json:"before,omitzero"`
	Policy    string           `json:"policy"`
	Started   time.Time        `json:"started"`
	Finished  time.Time        `json:"finished"`
	Instances []InstanceResult `json:"instances"`
	// InDoubt is set if the run was broken off before it saw how an instance ended: a call to
	// the load balancer failed and may still be applied, or a new container is registered and
	// the old one is kept until it serves. The journal has to be kept, so that recovery
	// finishes these instances.
	InDoubt bool `json:"in_doubt,omitempty"`
	// Error is why the run was refused or halted, in one line.
	Error string `json:"error,omitempty"`
	// Newcomers are instances that are registered in the fleet's target groups and
	// were not rolled, because they are not in the fleet. They may run other code.
	Newcomers []string `json:"newcomers,omitempty"`
	// Remarks are things worth knowing that changed nothing.
	Remarks []string `json:"remarks,omitempty"`
}

// InstanceResult describes what a run did to one instance.
type InstanceResult struct {
	ID      string          `json:"id"`
	Name    string          `json:"name,omitempty"`
	Zone    string          `json:"zone"`
	Outcome InstanceOutcome `json:"outcome"`
	// Release is the digest it runs at the end of the run.
	Release string `json:"release"`
	// NotHealthy is the state of its targets in the last look of the run, if that did not
	// find them healthy, and "not seen" if health could not be read.
	NotHealthy string `json:"not_healthy,omitempty"`
	Error      string `json:"error,omitempty"`
	// Log holds the last lines of the container whose failure Error reports. Only the
	// report has it, because it must not reach the history.
	Log   []string     `json:"log,omitempty"`
	Steps []StepResult `json:"steps"`
}

// StepResult is one row of the table as it went.
type StepResult struct {
	Name     StepName  `json:"name"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Detail   string    `json:"detail,omitempty"`
	Error    string    `json:"error,omitempty"`
	// Undo is set if this is the step's compensation.
	Undo bool `json:"undo,omitempty"`
}

// Recovered returns the result of a run whose own process put back afterwards what it had left out of service. by is the
// result of that recovery.
func (r Result) Recovered(by Result) Result {
	r.Finished, r.InDoubt = by.Finished, by.InDoubt
	r.Remarks = append(slices.Clone(r.Remarks), by.Remarks...)
	r.Instances = slices.Clone(r.Instances)
	counts := map[InstanceOutcome]int{}
	for n, i := range r.Instances {
		at := slices.IndexFunc(by.Instances, func(recovered InstanceResult) bool { return recovered.ID == i.ID })
		if at >= 0 {
			recovered := by.Instances[at]
			recovered.Steps = slices.Concat(i.Steps, recovered.Steps)
			recovered.Error = cmp.Or(i.Error, recovered.Error)
			r.Instances[n] = recovered
		}
		counts[r.Instances[n].Outcome]++
	}
	switch {
	case by.Outcome == Interrupted:
		r.Outcome = Interrupted
	case by.Outcome != Healed || counts[OutOfService] > 0:
		r.Outcome = Orphaned
	case counts[Updated]+counts[Unchanged] > 0:
		r.Outcome = Mixed
	default:
		r.Outcome = RolledBack
	}
	return r
}
