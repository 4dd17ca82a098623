package rollout

import (
	"fmt"
	"time"
)

// story is one seed's fleet, policy, and what goes wrong when.
type story struct {
	dice
	seats    []seat
	timing   []Timing
	policy   Policy
	clients  float64 // connections a second and instance
	faults   float64 // share of port calls that go wrong
	commands []command
}

// seat is one instance as the story begins.
type seat struct {
	Instance
	targets []Target
	source  Source
	probes  float64 // connections a second that are checks: the kernel counts them too
	down    bool    // nothing runs on it
}

// command is one process: it takes the lease, heals what others left, and deploys.
type command struct {
	release int // what it rolls out
	ends    ending
	entry   int           // kill at this journal entry
	act     int           // kill in the middle of this act
	at      time.Duration // when it is cancelled, or loses its lease
	// handover is from a kill to the next command: a CI job's last step takes
	// its own run's lease over at once, others wait for the lease to end.
	handover time.Duration
	// rival is when a run without the lease begins; zero: none does.
	rival time.Duration
	// pausedAt is the journal entry after which the process stands still for some time; zero: none.
	pausedAt int
	pause    time.Duration
}

type ending string

const (
	lives     ending = "lives"
	atEntry   ending = "to be killed by an entry"
	inAct     ending = "to be killed by an act"
	cancelled ending = "to be cancelled"
	fenced    ending = "to lose its lease"
	unlocked  ending = "to lose its lease to one that does not wait for its end"
)

func digestOf(release int) string { return fmt.Sprintf("sha256:%064d", release) }

func releaseOf(release int) Release {
	return Release{Image: "repo/app@" + digestOf(release), Tag: fmt.Sprintf("v%d", release)}
}

func tell(seed uint64) story {
	s := story{dice: dice{seed}}
	d := s.roll("story", 0)
	n := fleetSize(d)
	s.timing = groupsOf(d)
	s.policy = policyOf(d, n)
	s.clients = pick(d, 0, 1.0/60, 1, 200)
	s.faults = pick(d, 0, 0, 0.005, 0.02, 0.05, 0.15)
	zones := 1 + d.IntN(3)
	for i := range n {
		s.seats = append(s.seats, s.seat(i, zones, d))
	}
	release := 2
	for range pick(d, 1, 1, 1, 2, 2, 3, 4) {
		s.commands = append(s.commands, commandOf(d, n, release))
		if d.chance(0.2) {
			release++
		}
	}
	return s
}

// count says what kind of story it is.
func (s story) count(t tally) {
	size := "1"
	for _, least := range []int{2, 6, 21} {
		if len(s.seats) >= least {
			size = map[int]string{2: "2 to 5", 6: "6 to 20", 21: "21 to 50"}[least]
		}
	}
	t["fleets: "+size]++
	t[fmt.Sprintf("connections a second: %.2g", s.clients)]++
	for _, g := range s.timing {
		t[map[bool]string{true: "target groups: cross-zone", false: "target groups: zonal"}[g.CrossZone]]++
	}
	for _, c := range s.commands {
		t["commands: "+string(c.ends)]++
	}
}

func fleetSize(d *die) int {
	switch p := d.Float64(); {
	case p < 0.5:
		return 1 + d.IntN(3)
	case p < 0.86:
		return 4 + d.IntN(5)
	case p < 0.97:
		return 9 + d.IntN(12)
	default:
		return 21 + d.IntN(30)
	}
}

func groupsOf(d *die) []Timing {
	var timing []Timing
	for g := range 1 + d.IntN(3) {
		timing = append(timing, Timing{Group: fmt.Sprintf("group-%d", g), Port: 8080 + g, CrossZone: d.chance(0.6), Delay: 300 * time.Second})
	}
	return timing
}

func policyOf(d *die, n int) Policy {
	p := DefaultPolicy()
	p.Batch = Size{Count: 1 + d.IntN(min(n, 1+d.IntN(5)))}
	if d.chance(0.3) {
		p.Batch = Size{Percent: 1 + d.IntN(60)}
	}
	p.Drain.Min = d.between(20*time.Second, 70*time.Second)
	p.Drain.Quiet = time.Duration(pick(d, 10, 15, 30, 60)) * time.Second
	p.Drain.Fixed = d.chance(0.2)
	p.Pause = d.between(0, 10*time.Second)
	p.Failures = d.IntN(3)
	p.Rollback = d.chance(0.5)
	p.Parallel = 1 + d.IntN(10)
	p.Downtime = d.chance(0.1) || n == 1 && d.chance(0.9)
	p.Canary = pick(d, 0, 0, 1, 1+d.IntN(n))
	p.Bake = pick(d, 0, 0, d.between(time.Second, 5*time.Minute))
	p.ZoneLoss = d.chance(0.4)
	return p
}

func (s *story) seat(i, zones int, d *die) seat {
	id := fmt.Sprintf("i-%02d", i+1)
	t := seat{Instance: Instance{ID: id, Zone: string(rune('a' + i%zones)), Address: id}}
	t.source = pick(d, ServiceCount, ServiceCount, KernelCount, Uncounted)
	t.probes = pick(d, 1.0/3, 1.0/3+1) // the load balancer's, and a container's own once a second
	for _, g := range s.timing {
		t.targets = append(t.targets, Target{g.Group, id, g.Port})
	}
	switch p := d.Float64(); {
	case p < 0.85:
	case p < 0.88:
		t.targets = append(t.targets, Target{s.timing[0].Group, id, 9999})
	case p < 0.90:
		t.targets = t.targets[1:]
	case p < 0.92:
		t.targets = nil
	case p < 0.94:
		t.down = true
	}
	return t
}

func commandOf(d *die, n, release int) command {
	c := command{release: release, ends: pick(d, lives, lives, atEntry, atEntry, inAct, inAct, cancelled, fenced, unlocked)}
	size := float64(n)
	c.entry = int(d.around(20 * size))
	if d.chance(0.6) {
		c.entry += 2 * n // after all have prepared
	}
	c.act = int(d.around(9 * size))
	c.at = d.sometime(n)
	if d.chance(0.6) {
		c.handover = d.between(0, 90*time.Second)
	}
	if d.chance(0.1) {
		c.rival = d.between(time.Millisecond, 5*time.Minute)
	}
	return c
}
