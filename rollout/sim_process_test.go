package rollout

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// process is one command at work. From the moment it is killed none of its
// calls reaches the world: the goroutines that make them end.
type process struct {
	w       *sim
	name    string
	command command
	ctx     context.Context
	cancel  context.CancelCauseFunc
	killed  chan struct{}
	gone    chan struct{} // its lease is lost
	done    chan struct{}

	dead, lost    bool
	healing       bool
	waits         time.Time // until then the run before may act, so that this one does not
	actedUntil    time.Time // until then runs before may have registered targets
	stopHealing   context.CancelFunc
	written, acts int
	changed       bool   // it began to change something
	result        Result // of the last that it did
	intent        map[string]intent
	touched       map[string]bool
	troubles      map[string]bool // instances it had faults at; "" for all
	looked        time.Time       // when it last looked before anybody left
	began         time.Time
	surveying     bool                 // it is to read the health from which it counts the floors
	surveyed      time.Time            // when that health was true
	intentAt      map[string]time.Time // when the intent of an instance was written
	seen          map[string]Traffic   // the last sample of an instance
	pausedUntil   time.Time
	skew          time.Duration // of its wall clock
}

type intent struct {
	step StepName
	mark Mark
}

func (w *sim) process(name string, c command) *process {
	p := &process{
		w: w, name: name, command: c, killed: make(chan struct{}), gone: make(chan struct{}), done: make(chan struct{}),
		intent: map[string]intent{}, touched: map[string]bool{}, troubles: map[string]bool{},
		intentAt: map[string]time.Time{}, seen: map[string]Traffic{}, began: time.Now(),
	}
	if w.skewed {
		p.skew = w.roll("skew/"+name, 0).between(-10*time.Minute, 10*time.Minute)
	}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	return p
}

// alive ends the calling goroutine of a dead process. The caller holds the
// world's lock and defers giving it back.
func (p *process) alive() {
	if p.dead {
		runtime.Goexit()
	}
}

// die kills the process, its calling goroutine first. The lock is as for alive.
func (p *process) die(how, at string) {
	p.w.note(p.name+" killed "+how, at)
	p.w.tally["kills: "+how]++
	p.w.tally["kills at: "+at]++
	p.w.broken = true
	p.dead = true
	close(p.killed)
	p.cancel(errKilled)
	runtime.Goexit()
}

// lose takes the lease away: nothing is written any more.
func (p *process) lose() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.loses()
}

func (p *process) loses() {
	if p.w.ledger.holder != p || p.lost || p.dead {
		return
	}
	p.w.note(p.name+" loses its lease", "")
	p.w.tally["leases lost"]++
	p.w.broken, p.lost = true, true
	close(p.gone)
}

func (p *process) breakOff() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if p.dead {
		return
	}
	p.w.note(p.name+" is cancelled", "")
	p.w.tally["cancelled"]++
	p.w.broken = true
	p.cancel(errors.New("interrupted"))
}

// config is what the engine gets to work with.
func (p *process) config(id string) Config {
	c := Config{
		Environment: "sim", ID: p.name + id, Policy: p.w.policy, Release: releaseOf(p.command.release),
		Journal: p, Balancer: book{p}, Connect: p.connect,
		Gates: []Gate{mood{p, "gate"}}, Guards: []Gate{mood{p, "guard"}},
		jitter: p.jitter, stopwatch: p.stopwatch,
	}
	p.w.mu.Lock()
	c.ActedUntil = p.actedUntil
	for _, m := range p.w.fleet {
		if !m.lost {
			c.Instances = append(c.Instances, m.Instance)
		}
	}
	p.w.mu.Unlock()
	if p.w.mutant != nil {
		p.w.mutant.wrap(&c, p)
	}
	return c
}

// stopwatch goes by the wall clock where that runs ahead of the bubble's, as the engine's own does.
func (p *process) stopwatch() func() time.Duration {
	began, jumped := time.Now(), p.w.jumps()
	return func() time.Duration { return time.Since(began) + max(0, p.w.jumps()-jumped) }
}

// jitter is drawn once a question for health: whoever asks first, the seed decides.
func (p *process) jitter(most time.Duration) time.Duration {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	key := "jitter/" + p.name
	return p.w.roll(key, p.w.next(key)).between(0, most)
}

// mood is a gate or a guard that seldom says no.
type mood struct {
	p    *process
	name string
}

func (m mood) Name() string { return m.name }

func (m mood) Check(context.Context) error {
	m.p.w.mu.Lock()
	defer m.p.w.mu.Unlock()
	key := m.name + "/" + m.p.name
	if !m.p.w.calm && m.p.w.roll(key, m.p.w.next(key)).chance(0.03) {
		m.p.w.tally[m.name+" refuses"]++
		return errFault
	}
	return nil
}

// main heals what the ledger holds, then deploys.
func (p *process) main(deploys bool) {
	defer close(p.done)
	defer p.cancel(nil)
	p.w.mu.Lock()
	dead := UnfinishedRun{
		Run: "before", Release: releaseOf(p.w.ledger.release), ActsUntil: p.w.ledger.actsUntil, Written: p.w.ledger.written,
		Entries: slices.Concat(p.w.ledger.before, p.w.ledger.entries),
	}
	p.w.mu.Unlock()
	if p.w.mutant != nil && p.w.mutant.reads != nil {
		dead = p.w.mutant.reads(dead)
	}
	if len(dead.Entries) > 0 {
		p.heals(true)
		p.waits = dead.ActsUntil
		ctx, stop := context.WithCancel(p.ctx)
		defer stop()
		p.stopHealing = stop
		result, err := Heal(ctx, p.config("/heal"), dead)
		p.claims(result, err)
		p.heals(false)
		if err != nil {
			return
		}
	}
	p.settle()
	if !deploys {
		return
	}
	p.survey()
	result, err := Run(p.ctx, p.config("/run"))
	p.claims(result, err)
	if result.Outcome != Orphaned && !result.InDoubt {
		p.settle()
	}
}

func (p *process) heals(now bool) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.healing = now
	if now {
		p.w.tally["heals"]++
	}
}

// compete is a run that begins without the lease, and must not touch anything.
func (p *process) compete() {
	defer close(p.done)
	defer p.cancel(nil)
	select {
	case <-time.After(p.command.at):
	case <-p.w.over:
		return
	}
	result, err := Run(p.ctx, p.config("/run"))
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.tally["rivals"]++
	p.w.check("without the lease nothing is touched", !p.changed, fmt.Sprintf("%s: %s, %v", p.name, result.Outcome, err))
}

// survey notes that a run begins, and what it rolls out.
func (p *process) survey() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.alive()
	p.w.note(p.name+" runs", "")
	p.w.tally["runs"]++
	p.changed, p.surveying = false, p.holds()
	if p.surveying {
		p.w.ledger.release = p.command.release
	}
}

// surveys notes the floors that the run has to keep. They are counted from the first answer about health and not from the
// beginning of the run, because a call before it can be slow, and what is terminated meanwhile was never there for the run.
func (p *process) surveys(health Health, at time.Time) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if !p.surveying {
		return
	}
	p.surveying, p.surveyed = false, at
	for _, t := range p.w.timing {
		registered := map[string]bool{}
		for _, h := range health {
			if h.Group == t.Group && h.State.Registered() {
				registered[h.Instance] = true
			}
		}
		least := btoi(!p.w.policy.Downtime)
		p.w.floors[t.Group] = max(least, len(registered)-p.w.policy.Batch.Of(len(p.w.fleet)))
	}
}

// begins is checked when a process begins to change something.
func (p *process) begins(port, id string, ended bool) {
	p.changed = p.changed || !slices.Contains([]string{"register", "drain", "undrain"}, port)
	p.w.judge(whenActBegins, scene{p: p, m: p.w.rigs[id], port: port, ended: ended})
}

// quietsDown is checked when a running container of an instance is taken away.
func (p *process) quietsDown(m *rig, what string) {
	if m.listener() != nil {
		p.w.judge(whenQuieted, scene{p: p, m: m, port: what})
	}
}

// looks notes when the process last looked before anybody left: a look while some are out is for those, and takes nothing
// back of what was decided.
func (p *process) looks() {
	for _, open := range p.intent {
		if open != (intent{}) {
			return
		}
	}
	p.looked = time.Now()
}

// looksAt is looks, of an answer that comes later.
func (p *process) looksAt() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.looks()
}

// sampled notes what the process knows of an instance's connections.
func (p *process) sampled(id string, t Traffic) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.seen[id] = t
}

// pause lets the process stand still, as after SIGSTOP or on a laptop that sleeps. It renews no lease meanwhile.
func (p *process) pause(long time.Duration) {
	p.w.note(p.name+" stands still for "+long.String(), "")
	p.w.tally["pauses"]++
	p.w.broken = true
	p.pausedUntil = time.Now().Add(long)
	until := p.pausedUntil
	p.w.in(lease, func() {
		if time.Now().Before(until) {
			p.loses()
		}
	})
}
