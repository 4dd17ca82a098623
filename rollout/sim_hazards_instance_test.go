package rollout

import "time"

// Faults of instances and of the way to them.

func reboots(w *sim, d *die) {
	for _, m := range w.some(d) {
		down := d.between(20*time.Second, 3*time.Minute)
		w.sometime(d, func() { m.crash("reboot", down) })
	}
}

// engineRestarts restart a Docker Engine that keeps no container alive meanwhile.
func engineRestarts(w *sim, d *die) {
	for _, m := range w.some(d) {
		down := d.between(2*time.Second, 15*time.Second)
		w.sometime(d, func() { m.crash("engine restart", down) })
	}
}

// recovers is the time after which the load balancer's checks have succeeded again.
const recovers = 30 * time.Second

// crash ends everything on the instance for some time. Then the engine starts the container in service again, and none
// whose stop was requested, because its restart policy was set to "no" before.
func (m *rig) crash(how string, down time.Duration) {
	if m.off {
		return
	}
	m.w.strikes(m, how)
	m.strike(down + recovers)
	m.off, m.unhealthy = true, after(down+recovers)
	for _, b := range []*box{m.current, m.previous} {
		if b != nil && b.stopping != nil {
			m.ended(b, b.stopping)
		}
	}
	m.changed()
	m.w.in(down, m.boot)
}

func (m *rig) boot() {
	if m.lost {
		return
	}
	m.off = false
	if b := m.current; b != nil {
		b.told, b.connection, m.openUntil = false, 0, time.Time{}
	}
	if b := m.previous; b != nil && b.running {
		b.running, b.proven = false, false
	}
	m.w.note("boots", m.ID)
	m.changed()
}

func terminations(w *sim, d *die) {
	for _, m := range w.some(d) {
		w.sometime(d, m.terminate)
	}
}

// forgotten is the time after which the load balancer has dropped the targets of a terminated instance.
const forgotten = time.Minute

// terminate ends an instance for ever. Its targets are unused, and then the load balancer drops them.
func (m *rig) terminate() {
	if m.lost {
		return
	}
	m.w.strikes(m, "termination")
	m.strike(forEver)
	m.off, m.lost = true, true
	for _, b := range []*box{m.current, m.previous} {
		if b != nil && b.stopping != nil {
			m.ended(b, b.stopping)
		}
	}
	m.changed()
	m.w.in(forgotten, func() {
		for _, t := range m.w.targetsOf[m.ID] {
			delete(m.w.book, t)
		}
		m.w.reroute()
	})
}

// replacements terminate instances. Others with the first release take their places, as when an Auto Scaling group
// notices. A command that runs meanwhile does not have them in its fleet, and the next one has.
func replacements(w *sim, d *die) {
	for _, m := range w.some(d) {
		boots := d.between(time.Minute, 6*time.Minute)
		w.sometime(d, func() {
			m.terminate()
			w.in(boots, func() { w.add(m.successor()) })
		})
	}
}

// successor is a new instance in the place of one.
func (m *rig) successor() *rig {
	s := seat{Instance: m.Instance, source: m.source, probes: m.probes}
	s.ID += "b"
	s.Address = s.ID
	for _, t := range m.w.targetsOf[m.ID] {
		s.targets = append(s.targets, Target{t.Group, s.ID, t.Port})
	}
	return m.w.rig(s)
}

// prunedImages remove what was pulled and not started yet.
func prunedImages(w *sim, d *die) {
	for range 1 + d.IntN(3) {
		for _, m := range w.some(d) {
			w.sometime(d, func() {
				w.strikes(m, "image pruned")
				m.disturb()
				clear(m.pulled)
			})
		}
	}
}

// outages keep everybody from an instance that goes on serving.
func outages(w *sim, d *die) {
	for range 1 + d.IntN(3) {
		for _, m := range w.some(d) {
			long := d.between(5*time.Second, 2*time.Minute)
			w.sometime(d, func() { m.cut("outage", long) })
		}
	}
}

// failingSamples let no connections of an instance be counted for some time, or only those that are open. It can be
// reached meanwhile.
func failingSamples(w *sim, d *die) {
	for range 1 + d.IntN(4) {
		for _, m := range w.some(d) {
			long, half := d.between(20*time.Second, 5*time.Minute), d.chance(0.5)
			w.sometime(d, func() {
				w.strikes(m, "samples that fail")
				m.unread, m.half = after(long), half
			})
		}
	}
}

func cutOffs(w *sim, d *die) {
	for _, m := range w.some(d) {
		w.sometime(d, func() {
			m.cutOff = true
			m.cut("unreachable for good", forEver)
		})
	}
}

func (m *rig) cut(how string, long time.Duration) {
	m.w.strikes(m, how)
	m.disturb()
	m.unreachable = after(long)
}

// unhealthySpells let checks fail although the container answers.
func unhealthySpells(w *sim, d *die) {
	for _, m := range w.some(d) {
		long := d.between(time.Second, 10*time.Minute)
		w.sometime(d, func() {
			w.strikes(m, "unhealthy for a while")
			m.strike(long)
			m.unhealthy = after(long)
		})
	}
}

func clingingClients(w *sim, d *die) {
	for _, m := range w.some(d) {
		m.clings = 1 + d.IntN(3)
	}
}
