package rollout

import (
	"slices"
	"time"
)

// result sums up how the run went. cause is why it did not end well.
func (f *fleet) result(outcome Outcome, cause error) Result {
	result := Result{
		Run: f.ID, Environment: f.Environment, Outcome: outcome,
		Release: f.Release, Policy: f.Policy.String(),
		Started: f.started, Finished: time.Now(), InDoubt: f.updates.inDoubt() || f.updates.unsettled(),
		Newcomers: f.unknown.found, Remarks: f.report.remarks,
	}
	for _, u := range f.updates {
		result.Instances = append(result.Instances, instanceResult(u))
	}
	if cause != nil {
		result.Error = oneLine(cause)
	}
	return result
}

// unsettled reports whether an instance was registered and not settled when a signal ended the run.
func (us updates) unsettled() bool {
	return slices.ContainsFunc(us, func(u *instanceUpdate) bool { return u.unsettled })
}

func instanceResult(u *instanceUpdate) InstanceResult {
	r := InstanceResult{
		ID: u.instance.ID, Name: u.instance.Name, Zone: u.instance.Zone,
		Outcome: u.state.outcome(), Release: u.running, Steps: u.steps, NotHealthy: u.notHealthy,
	}
	if u.err != nil {
		r.Error, r.Log = oneLine(u.err), logLines(u.err)
	}
	return r
}

// outcome names the ending of a run by what is true of the fleet, the worst first.
func (f *fleet) outcome(cause error) Outcome {
	switch {
	case len(f.updates.in(stateOutOfService)) > 0:
		return Orphaned
	case f.interrupted:
		return Interrupted
	case cause == nil && len(f.updates.in(stateUpdated)) > 0:
		return Deployed
	case cause == nil:
		return UnchangedRun
	case !f.updates.touched():
		return Refused
	case len(f.updates.in(stateUpdated)) > 0:
		return Mixed
	default:
		return RolledBack
	}
}

// healedOutcome names the ending of a recovery. After an error an instance may be out of service.
func (f *fleet) healedOutcome(cause error) Outcome {
	switch o := f.outcome(cause); {
	case o == Interrupted:
		return Interrupted
	case o != Orphaned && cause == nil:
		return Healed
	default:
		return Orphaned
	}
}
