package rollout

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// play tells the story: one command after another, then one in calm that heals
// what is left, and one that deploys.
func (w *sim) play() {
	var rivals []*process
	for n, c := range w.commands {
		p := w.process(fmt.Sprintf("p%d", n), c)
		if rival := w.command(p); rival != nil {
			rivals = append(rivals, rival)
		}
		rivals = append(rivals, p)
	}
	w.settles()
	w.alone("last", 1, false)
	close(w.over)
	for _, p := range rivals {
		<-p.done
	}
	time.Sleep(10 * time.Minute)
	w.ending()
	w.finale(w.alone("final", finalRelease, true))
}

// settles waits until what hazards did is over, as far as it ends at all. Nothing new goes wrong from then on.
func (w *sim) settles() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calm = true
	for w.anyRig((*rig).recovering) {
		w.mu.Unlock()
		time.Sleep(time.Minute)
		w.mu.Lock()
	}
}

func (m *rig) recovering() bool {
	shows := func(t Target) bool { e := m.w.book[t]; return e != nil && e.showsFor.now() }
	return !m.lost && !m.cutOff && (m.off || m.struck.now() || m.unreachable.now() || m.refusedFor.now() || slices.ContainsFunc(m.targets, shows))
}

// alone lets one process work to its end.
func (w *sim) alone(name string, release int, deploys bool) *process {
	p := w.process(name, command{ends: lives, release: release})
	w.take(p)
	go p.main(deploys)
	<-p.done
	return p
}

// finalRelease is sound, and no command's.
const finalRelease = 50

func (w *sim) take(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.takes(p)
}

// leaseEnds is how long after its last write a lease can be taken over.
const leaseEnds = lease + time.Second

// lease is how long it is valid after it was renewed.
const lease = 60 * time.Second

// command lets one process take the lease and work, until it is over or the
// next one may begin.
func (w *sim) command(p *process) (rival *process) {
	w.take(p)
	c := p.command
	switch c.ends {
	case cancelled:
		defer time.AfterFunc(c.at, p.breakOff).Stop()
	case fenced, unlocked:
		defer time.AfterFunc(c.at, p.lose).Stop()
	}
	go p.main(true)
	if c.rival > 0 {
		rival = w.process(p.name+"-rival", command{ends: lives, release: c.release, at: c.rival})
		go rival.compete()
	}
	select {
	case <-p.done:
	case <-p.gone:
		if c.ends != unlocked {
			time.Sleep(leaseEnds)
		}
	case <-p.killed:
	}
	time.Sleep(c.handover)
	return rival
}

// replay tells the story of a seed in a bubble of its own.
func replay(t *testing.T, seed uint64, m *mutant, trace func(string)) (w *sim) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			panic(fmt.Sprintf("seed %d: %v", seed, r))
		}
	}()
	synctest.Test(t, func(*testing.T) {
		w = newSim(tell(seed), m, trace)
		defer time.AfterFunc(tooLong, func() { panic(fmt.Sprintf("seed %d: the story does not end", seed)) }).Stop()
		w.play()
	})
	return w
}

// TestSim tells SIM_SEEDS stories; with SIM_SEED that one, at length.
func TestSim(t *testing.T) {
	mutant := mutantOf(t, os.Getenv("SIM_MUTATE"))
	report := newSimReport(numberIn("SIM_SEEDS", simSeeds))
	defer debug.SetGCPercent(debug.SetGCPercent(1600)) // stories leave little behind
	began := time.Now()
	if seed, err := strconv.ParseUint(os.Getenv("SIM_SEED"), 10, 64); err == nil {
		report.Seeds = 1
		for _, s := range tell(seed).seats {
			fmt.Println(s.ID, s.Zone, s.targets, s.source, s.down)
		}
		report.add(t, replay(t, seed, mutant, func(line string) { fmt.Println(line) }))
	} else {
		report.tell(t, mutant)
	}
	report.Took = time.Since(began).Seconds()
	report.write(t, os.Getenv("SIM_REPORT"))
}

// numberIn returns the number in an environment variable.
func numberIn(variable string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return otherwise
}
