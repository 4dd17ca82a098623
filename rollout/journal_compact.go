package rollout

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
