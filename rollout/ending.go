package rollout

import (
	"slices"
	"time"
)

// result sums up how the run went. cause is why it did not deploy.
func (r *run) result(cause error) Result {
	result := Result{
		Run: r.ID, Environment: r.Environment, Outcome: r.outcome(cause),
		Release: r.Release, Policy: r.Policy.String(),
		Started: r.started, Finished: time.Now(), InDoubt: r.inDoubt(),
		Newcomers: r.unknown.found, Remarks: r.report.remarks,
	}
	for _, p := range r.passages {
		result.Instances = append(result.Instances, p.result())
	}
	if cause != nil {
		result.Error = oneLine(cause)
	}
	return result
}

// outcome names the ending by what is true of the fleet, the worst first.
func (r *run) outcome(cause error) Outcome {
	ended := func(o InstanceOutcome) bool {
		return slices.ContainsFunc(r.passages, func(p *passage) bool { return p.outcome == o })
	}
	switch {
	case ended(Lost):
		return Orphaned
	case r.interrupted:
		return Interrupted
	case r.healing && cause == nil:
		return Healed
	case r.healing:
		return Orphaned // or nobody knows better
	case cause == nil && ended(Updated):
		return Deployed
	case cause == nil:
		return UnchangedRun
	case !r.touched.Load():
		return Refused
	case ended(Updated):
		return Mixed
	default:
		return RolledBack
	}
}
