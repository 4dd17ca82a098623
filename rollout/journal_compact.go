package rollout

// Outdated returns which of an instance's entries recovery does not need any more once
// e follows them. A journal may drop those, because Heal does the same without them.
// way holds the instance's entries that were not dropped, in order, without those of
// [StepPrepare]. The result has one element for each.
//
// An entry that closes the instance's way through the run outdates all entries before
// it. Otherwise the first entry stays, because it holds what ran before and where it
// was registered. Of the others the latest of each step and mark stays, and the
// beginning of a step only until the step is done.
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

// Lean returns e without the fields that recovery reads from an earlier entry of the
// instance, which are most of an entry: where it was registered, and what ran before. A
// journal may store that instead, because Heal does the same with it. way is as for
// [Outdated].
func Lean(way []Entry, e Entry) Entry {
	if !begins(way, e) || e.Closes() {
		e.Targets, e.Old, e.New, e.Unserved = nil, "", "", false
	}
	return e
}

// begins reports whether an instance's way through the run begins with an entry, for the
// first time or again.
func begins(before []Entry, e Entry) bool {
	if len(before) == 0 {
		return true
	}
	last := before[len(before)-1]
	return !e.Closes() && (last.Closes() || last.joined() && e.Step == StepDeregister)
}
