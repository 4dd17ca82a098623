package rollout

import "time"

// Faults of the load balancer, and what others do to it.

// partialCalls are applied to some of their targets, and return an error.
func partialCalls(w *sim, d *die) { w.partial = pick(d, 0.1, 0.4) }

// refusedTargets cannot be registered for some time.
func refusedTargets(w *sim, d *die) {
	for _, m := range w.some(d) {
		long := d.between(10*time.Second, 4*time.Minute)
		which := d.IntN(8)
		w.sometime(d, func() {
			if targets := w.targetsOf[m.ID]; !m.lost && len(targets) > 0 {
				w.strikes(m, "refused target")
				m.disturb()
				m.refused, m.refusedFor = targets[which%len(targets)], after(long)
			}
		})
	}
}

// veryLateActs land up to five minutes after their caller was told that they failed: that is how long a request's
// signature is valid.
func veryLateActs(w *sim, _ *die) { w.latest = 5 * time.Minute }

// oldAnswers describe targets as they were when the question was sent, or up to some seconds before.
func oldAnswers(w *sim, d *die) {
	w.answersAfter = d.between(time.Second, 25*time.Second)
	w.answersOld = pick(d, 0, time.Second, 3*time.Second)
}

// longLags are those that AWS Support names. The policy is set for them.
func longLags(w *sim, d *die) {
	w.lag = d.between(180*time.Second, 300*time.Second)
	w.policy.Drain.Lag = 300 * time.Second
	w.policy.Drain.Max = pick(d, 300, 400, time.Duration(600)) * time.Second
	w.policy.Health = 10 * time.Minute
}

// differentDelays let drained targets vanish at different times.
func differentDelays(w *sim, d *die) {
	for i := range w.timing {
		w.timing[i].Delay = pick(d, 0, 30, 120, 300, time.Duration(900)) * time.Second
	}
}

// initialTargets were registered shortly before the story begins.
func initialTargets(w *sim, d *die) {
	for _, m := range w.some(d) {
		age := d.between(0, 20*time.Second)
		for _, t := range m.targets {
			if e := w.book[t]; e != nil {
				e.since, e.byHand = w.began.Add(-age), true
				w.lasts(e, d)
				m.strike(e.joins) // which reroutes at its end
			}
		}
	}
}

// unusedTargets belong to an instance that is stopped, or to a group that no listener uses.
func unusedTargets(w *sim, d *die) {
	if d.chance(0.3) {
		group, long := w.timing[0].Group, d.between(time.Second, 30*time.Minute)
		for _, m := range w.fleet {
			for _, t := range m.targets {
				if e := w.book[t]; e != nil && t.Group == group {
					e.shows, e.reason, e.showsFor = TargetUnused, "Target.NotInUse", after(long)
				}
			}
		}
		return
	}
	for _, m := range w.some(d) {
		m.off, m.served, m.cutOff, m.unreachable = true, false, true, after(forEver)
		m.changed()
	}
}

// unavailableTargets serve, but the load balancer has no result of their checks.
func unavailableTargets(w *sim, d *die) {
	for _, m := range w.some(d) {
		long := d.between(time.Second, 30*time.Minute)
		m.strike(long)
		for _, t := range m.targets {
			if e := w.book[t]; e != nil {
				e.shows, e.reason, e.showsFor = TargetUnavailable, "Elb.InternalError", after(long)
			}
		}
	}
}

// drainingTargets were taken out by somebody before the story begins: one target of an instance, or all.
func drainingTargets(w *sim, d *die) {
	for _, m := range w.some(d) {
		out := m.targets
		if len(out) > 1 && d.chance(0.5) {
			out = out[:1]
		}
		age := d.between(0, 4*time.Minute)
		for _, t := range out {
			if e := w.book[t]; e != nil {
				w.lasts(e, d)
				w.leave(e, w.began.Add(-age))
				m.takenOut = append(m.takenOut, t)
			}
		}
		m.served = m.served && len(out) < len(m.targets)
	}
}
