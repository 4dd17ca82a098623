package rollout

// recoveryState describes how far a dead run took one instance, as its journal shows.
type recoveryState struct {
	targets  []Target
	old, new string
	// unserved is set if the instance was not healthy before the run.
	unserved bool
	// undoing is set if the instance was on its way back already, so the new container is not to be kept even if it runs.
	undoing bool
	// swapping is set if the old container may have been stopped, joining if the new one may have been registered, and
	// joined if the instance serves and only has to settle.
	swapping, joining, joined bool
	// registered is set if the last call to the load balancer registered it, by the journal.
	registered bool
	// open is set while the last Deregister call has no good outcome, because it may still be applied.
	open bool
}

// untouched reports whether nothing on the instance was changed: it was deregistered at most.
func (s recoveryState) untouched() bool { return !s.swapping && !s.joining && !s.joined }

// unrecovered reads from a journal which instances were taken out and not put
// back. A later run's entries count after an earlier one's.
func unrecovered(entries []Entry) map[string]recoveryState {
	states := map[string]recoveryState{}
	for _, e := range entries {
		s, out := states[e.Instance]
		switch {
		case e.Step == StepPrepare:
			continue
		case e.Closes():
			delete(states, e.Instance)
			continue
		case !out || e.begins() || s.joined && e.Step == StepDeregister:
			s = s.restart(e)
		}
		states[e.Instance] = s.after(e)
	}
	return states
}

// restart returns the state of an instance whose way through a run begins with an entry. A lean entry leaves out what
// the entries before it hold.
func (s recoveryState) restart(e Entry) recoveryState {
	if e.New == "" && e.Old == "" && len(e.Targets) == 0 {
		return recoveryState{targets: s.targets, old: s.old, new: s.new, unserved: s.unserved}
	}
	return recoveryState{targets: e.Targets, old: e.Old, new: e.New, unserved: e.Unserved}
}

// after returns the state after one more entry.
func (s recoveryState) after(e Entry) recoveryState {
	s.undoing = s.undoing || e.Mark == Undoing
	s.swapping = s.swapping || e.Step == StepStop
	s.joining = s.joining || e.Step == StepRegister
	s.joined = e.joined()
	if len(e.Targets) > 0 {
		s.targets = e.Targets // somebody may have registered another one just before the instance left
	}
	if e.Step == StepRegister || e.Step == StepDeregister {
		s.registered = e.Step == StepRegister && e.Mark == Done
	}
	switch {
	case e.Step == StepDeregister && e.Mark == Begun, e.Step == StepRegister && e.Mark == Undoing:
		s.open = true
	case e.Step == StepDeregister && e.Mark == Done, e.Step == StepRegister && e.Mark == Undone:
		s.open = false
	}
	return s
}

// joined reports whether the entry's instance serves and has only to settle.
func (e Entry) joined() bool {
	return e.Step == StepJoin && e.Mark == Done || e.Step == StepSettle
}
