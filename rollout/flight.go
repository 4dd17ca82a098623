package rollout

// flight is how far a dead run took one instance.
type flight struct {
	targets  []Target
	old, new string
	// unserved is set when it was not healthy before the run.
	unserved bool
	// undoing is set when it was on its way back already: what it had started was
	// found wanting.
	undoing bool
	// swapping is set when the old container's stop may have been asked for,
	// joining when the new one may have been registered, joined when it serves and
	// only has to settle.
	swapping, joining, joined bool
	// open is set while the last deregistration has no good outcome: it may still
	// be applied.
	open bool
}

// inFlight reads from a journal which instances were taken out and not put
// back. A later run's entries count after an earlier one's.
func inFlight(entries []Entry) map[string]flight {
	flights := map[string]flight{}
	for _, e := range entries {
		f, out := flights[e.Instance]
		switch {
		case e.Step == StepPrepare:
			continue
		case e.Closes():
			delete(flights, e.Instance)
			continue
		case !out || f.joined && e.Step == StepDeregister:
			f = f.anew(e)
		}
		flights[e.Instance] = f.after(e)
	}
	return flights
}

// anew is a flight that begins with an entry. A lean one says what the flight before it
// knows.
func (f flight) anew(e Entry) flight {
	if e.New == "" {
		return flight{targets: f.targets, old: f.old, new: f.new, unserved: f.unserved}
	}
	return flight{targets: e.Targets, old: e.Old, new: e.New, unserved: e.Unserved}
}

// after is the flight once an entry more is known.
func (f flight) after(e Entry) flight {
	f.undoing = f.undoing || e.Mark == Undoing
	f.swapping = f.swapping || e.Step == StepStop
	f.joining = f.joining || e.Step == StepRegister
	f.joined = e.joined()
	switch {
	case e.Step == StepDeregister && e.Mark == Begun, e.Step == StepRegister && e.Mark == Undoing:
		f.open = true
	case e.Step == StepDeregister && e.Mark == Done, e.Step == StepRegister && e.Mark == Undone:
		f.open = false
	}
	return f
}

// Outdated tells which of an instance's entries recovery need not know any more
// once e follows them: a journal may drop those, and Heal does the same without
// them. way is what is left of the instance's entries, in order, without those of
// [StepPrepare]; the answer is as long.
//
// The entry that closes an instance's way through the run outdates all before. On
// the way, the first entry stays: what ran before, and where it was registered.
// Of the others the latest of each step and mark does, and a beginning only until
// the step is done.
func Outdated(way []Entry, e Entry) []bool {
	outdated := make([]bool, len(way))
	if begins(way, e) {
		return outdated
	}
	first := 0
	for i, earlier := range way {
		if begins(way[:i], earlier) {
			first = i
		}
	}
	for i, earlier := range way {
		same := earlier.Step == e.Step && (earlier.Mark == e.Mark || earlier.Mark == Begun && e.Mark == Done)
		outdated[i] = e.Closes() || i > first && same
	}
	return outdated
}

// Lean is e without what recovery takes from an earlier entry of the instance's way:
// where it was registered, and what ran before, which is most of an entry. A journal
// may keep that instead, and Heal does the same with it. way is as for [Outdated].
func Lean(way []Entry, e Entry) Entry {
	if !begins(way, e) || e.Closes() {
		e.Targets, e.Old, e.New, e.Unserved = nil, "", "", false
	}
	return e
}

// begins reports whether an instance's way through the run begins, or begins
// anew, with an entry.
func begins(before []Entry, e Entry) bool {
	if len(before) == 0 {
		return true
	}
	last := before[len(before)-1]
	return !e.Closes() && (last.Closes() || last.joined() && e.Step == StepDeregister)
}

// joined reports whether the entry's instance serves and has only to settle.
func (e Entry) joined() bool {
	return e.Step == StepJoin && e.Mark == Done || e.Step == StepSettle
}
