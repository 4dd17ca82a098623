package rollout

import "slices"

// Append adds an entry to a run's journal and removes those that recovery does not need any more, so that the journal
// stays as small as the number of instances that are out of service at once. It may change the journal's array.
//
// An entry that closes an instance's update removes the other entries of that instance. Of the closing entries, and of
// those of [StepPrepare], only the latest one of all instances stays, because it shows that the run began. While an
// instance is out of service, the first entry of its update stays, because it shows what ran before and where the instance
// was registered. Of the others the latest of each step and mark stays, and the beginning of a step only until it is done.
// The entry that begins an update removes those of the update before it. If an instance is taken back after it joined by
// another entry than that, only the entry by which it joined stays as well.
func Append(journal []Entry, e Entry) []Entry {
	joined, first, last := lastUpdate(journal, e.Instance)
	again := last >= 0 && e.restarts(journal[last])
	i := -1
	journal = slices.DeleteFunc(journal, func(earlier Entry) bool {
		i++
		switch {
		case earlier.nothingOut():
			return e.nothingOut()
		case earlier.Instance != e.Instance:
			return false
		case e.Closes() || e.begins():
			return true
		case again:
			return i != last
		default:
			return i != joined && i != first && e.replaces(earlier)
		}
	})
	return append(journal, e)
}

// lastUpdate returns the indexes of an instance's last entry, of the first entry of its last update, and of the one by
// which it had joined before. An index is -1 if there is no such entry.
func lastUpdate(journal []Entry, instance string) (joined, first, last int) {
	joined, first, last = -1, -1, -1
	for i, e := range journal {
		if e.Instance != instance || e.nothingOut() {
			continue
		}
		if last < 0 || e.restarts(journal[last]) {
			joined, first = last, i
		}
		last = i
	}
	return joined, first, last
}

// nothingOut reports whether the entry leaves its instance in service, so that recovery has nothing to do for it.
func (e Entry) nothingOut() bool { return e.Step == StepPrepare || e.Closes() }

// restarts reports whether an instance is updated again after the entry before it, of the same instance.
func (e Entry) restarts(before Entry) bool { return before.joined() && e.Step == StepDeregister }

// replaces reports whether recovery does not need the earlier entry of the same update any more.
func (e Entry) replaces(earlier Entry) bool {
	return earlier.Step == e.Step && (earlier.Mark == e.Mark || earlier.Mark == Begun && e.Mark == Done)
}
