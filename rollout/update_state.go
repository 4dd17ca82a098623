package rollout

// updateState shows how far an instance has come on its way through a run.
//
//	waiting            → current, skipped, out; restored if the run is broken off first
//	out                → updated, restored, outOfService; skipped if recovery finds it in service
//	updated            → restored by a rollback; outOfService
//	restored, current  → outOfService if the instance is not healthy when the run ends
//	waiting            → outOfService if somebody else deregistered it while the run went on
type updateState int

const (
	// stateWaiting: the run has changed nothing on the instance or in the load balancer. If err is set, the instance
	// cannot be prepared, or the intent to deregister it could not be written, and it stays as it is.
	stateWaiting updateState = iota
	// stateSkipped: the command is not about this instance, or it was found in service with nothing left to do. The run
	// changes nothing.
	stateSkipped
	// stateCurrent: the instance ran the release and was registered when the run began. The connection to it is closed
	// and the run changes nothing, but the load balancer has to call it healthy when the run ends.
	stateCurrent
	// stateOut: the instance was deregistered, by this run or by the one that it recovers, or may have been. The journal
	// holds an intent that is not closed. One goroutine works on the instance and is the only one to read its fields.
	stateOut
	// stateUpdated: the new container is proven and registered. The load balancer called it healthy, unless err says
	// that the run was broken off before. After a rollback that failed, err says that instead.
	stateUpdated
	// stateRestored: every compensation succeeded, so the old container is proven and registered. err says why. The
	// instance was not touched at all if deregisteredAt is zero.
	stateRestored
	// stateOutOfService: a compensation failed, or the load balancer does not call the instance healthy. err says why.
	stateOutOfService
)

// outcome returns how the report names the state.
func (s updateState) outcome() InstanceOutcome {
	switch s {
	case stateSkipped, stateCurrent:
		return Unchanged
	case stateUpdated:
		return Updated
	case stateRestored:
		return Restored
	case stateOutOfService:
		return OutOfService
	default:
		return Pending
	}
}

// lastStep returns the step that has to hold for an instance in this state to be in service.
func (s updateState) lastStep() StepName {
	if s == stateUpdated {
		return StepJoin
	}
	return StepDeregister
}
