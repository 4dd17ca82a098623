package rollout

import "time"

// Faults of clients, of the process that rolls out, and of its clock.

// burstyClients open several connections at once, so that counting connections overrates how many clients there are.
func burstyClients(w *sim, d *die) {
	w.bursts = pick(d,
		burst{every: 12 * time.Second, size: 6},                         // a browser
		burst{every: 30 * time.Second, size: 50},                        // a pool that is opened again
		burst{every: time.Second, size: 3, on: 20, of: 40},              // batch clients
		burst{every: 2 * time.Second, size: 12, on: 5, of: 20},          // several browsers
		burst{every: 500 * time.Millisecond, size: 1, on: 120, of: 240}, // a job every two minutes
	)
	w.clients = 0
}

// unlikeGroups have clients of their own, so that those of one group may be few although the instance is busy.
func unlikeGroups(w *sim, d *die) {
	burstyClients(w, d)
	w.bursts.apart = true
}

// longConnections end by themselves after some time, or soon after the service was told to send its clients away.
func longConnections(w *sim, d *die) {
	w.hold = pick(d, 5*time.Second, time.Minute, 10*time.Minute)
}

// pausedProcess stops one process right after it journaled something, and continues it later.
func pausedProcess(w *sim, d *die) {
	c := &w.commands[d.IntN(len(w.commands))]
	c.pausedAt = 2*len(w.fleet)*d.IntN(2) + int(d.around(15*float64(len(w.fleet))))
	c.pause = time.Duration(d.around(600) * float64(time.Second))
}

// skewedClocks differ by minutes.
func skewedClocks(w *sim, _ *die) { w.skewed = true }

// jumpingClock sets the wall clock of the process that works by minutes.
func jumpingClock(w *sim, d *die) {
	for range 1 + d.IntN(3) {
		by := d.between(-10*time.Minute, 10*time.Minute)
		w.sometime(d, func() {
			w.note("the wall clock jumps by "+by.String(), "")
			w.jumped += by
		})
	}
}
