package rollout

import (
	"context"
	"runtime"
	"time"
)

// lateness is how long after the caller's answer an act is applied; zero: before it.
type lateness time.Duration

// mishap is how a port call goes wrong.
type mishap string

const (
	none    mishap = ""
	fails   mishap = "error"
	hangs   mishap = "hang"
	forgets mishap = "lost answer"
	lags    mishap = "lands late"
	slow    mishap = "slow"
)

// changing are the ports whose calls change the world.
var changing = map[string]bool{
	"register": true, "deregister": true, "drain": true, "undrain": true,
	"stop": true, "start": true, "revert": true, "settle": true,
}

// call is every port call: it takes a moment, and works, or goes wrong.
func (p *process) call(ctx context.Context, port, id string, act func(lateness)) error {
	ended := ctx.Err() != nil
	die := p.stagger(port, id)
	if !ended && p.awake() && ctx.Err() != nil {
		return ctx.Err() // it stood still before it sent anything
	}
	what := p.begin(port, id, die, ended, act)
	defer p.awake()
	if err := p.endure(ctx, port, what, die); err != nil {
		return err
	}
	if p.awake() && ctx.Err() != nil {
		return ctx.Err()
	}
	if err := CheckAct(ctx); err != nil {
		return err // it is sent only now
	}
	if changing[port] {
		p.w.locked(func() { p.w.check("every act has a fence", ctx.Value(fenceKey{}) != nil, p.name+": "+port+" of "+id) })()
	}
	return p.apply(port, id, what, die, act)
}

// awake waits while the process stands still, and reports whether it did.
func (p *process) awake() (slept bool) {
	for {
		p.w.mu.Lock()
		left := time.Until(p.pausedUntil)
		p.w.mu.Unlock()
		if left <= 0 {
			return slept
		}
		slept = true
		_ = p.wait(context.Background(), left)
	}
}

// stagger lets calls of one instant begin one after the other, in an order that
// the seed decides and not the scheduler. Looks at traffic change nothing for
// each other.
func (p *process) stagger(port, id string) *die {
	die := p.ask(port, id)
	if port != "traffic" && port != "health" {
		_ = p.wait(context.Background(), die.between(time.Nanosecond, time.Millisecond))
	}
	return die
}

// ask returns the dice of a call; nil for a look in a story without faults, which needs none and is made often.
func (p *process) ask(port, id string) *die {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.alive()
	if port == "traffic" && (p.w.faults == 0 || p.w.calm) {
		return nil
	}
	key := p.name + "/" + port + "/" + id
	return p.w.roll(key, p.w.next(key))
}

// begin decides what becomes of a call; its process may be killed in it.
func (p *process) begin(port, id string, die *die, ended bool, act func(lateness)) mishap {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	p.alive()
	if changing[port] {
		p.begins(port, id, ended)
		p.acts++
		if p.command.ends == inAct && p.acts == p.command.act {
			p.dieIn(port, id, die, act)
		}
	}
	return p.mishap(die, port, id)
}

// dieIn kills the process in the middle of an act: before it is applied, which it
// never is then, after it, or so that it lands late.
func (p *process) dieIn(port, id string, die *die, act func(lateness)) {
	how := pick(die, "before", "after", "late")
	if m := p.w.rigs[id]; m != nil {
		m.faulted[port] = true
	}
	switch how {
	case "after":
		p.w.flow()
		act(0)
		p.w.note(port, id)
	case "late":
		p.applyLate(port, id, die, act)
	}
	p.die("by an act, "+how, port)
}

// mishap decides what goes wrong with a call.
func (p *process) mishap(die *die, port, id string) mishap {
	m := p.w.rigs[id]
	if m != nil && (m.off || m.unreachable.now()) && port != "register" && port != "deregister" && port != "record" {
		return p.troubled(port, id, fails)
	}
	rate := p.w.story.faults
	if !changing[port] {
		rate /= 4 // or few runs would come as far as to change anything
	}
	if p.w.calm || die == nil || !die.chance(rate) {
		return none
	}
	return p.troubled(port, id, pick(die, mishaps(port)...))
}

// mishaps are the ways in which a port's calls can go wrong.
func mishaps(port string) []mishap {
	switch {
	case changing[port]:
		return []mishap{fails, hangs, forgets, lags, lags, slow}
	default:
		return []mishap{fails, hangs, forgets, slow}
	}
}

func (p *process) troubled(port, id string, what mishap) mishap {
	p.w.tally["faults: "+string(what)]++
	p.w.tally["faults at: "+port]++
	p.troubles[id] = true
	if m := p.w.rigs[id]; m != nil {
		m.faulted[port] = true
	}
	if port != "traffic" {
		p.w.note(p.name+" fault: "+string(what)+" "+port, id)
	}
	return what
}

// endure is the time the call takes before it is applied.
func (p *process) endure(ctx context.Context, port string, what mishap, die *die) error {
	switch {
	case what == hangs:
		if err := p.wait(ctx, die.between(90*time.Second, 120*time.Second)); err != nil {
			return err
		}
		return errFault // an adapter gives up by itself
	case what == slow:
		return p.wait(ctx, die.between(time.Second, 50*time.Second))
	case port == "traffic", port == "health":
		return nil
	default:
		return p.wait(ctx, die.between(5*time.Millisecond, 300*time.Millisecond))
	}
}

func (p *process) apply(port, id string, what mishap, die *die, act func(lateness)) error {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	p.alive()
	w.flow()
	switch what {
	case fails:
		return errFault
	case lags:
		p.applyLate(port, id, die, act)
		return errFault
	}
	act(0)
	if changing[port] {
		w.judge(whenActLands, scene{p: p, m: w.rigs[id], port: port})
	}
	if changing[port] || port == "prepare" {
		w.note(p.name+" "+port, id)
	}
	if what == forgets {
		return errFault
	}
	return nil
}

// applyLate lets an act land after its caller was told that it failed.
func (p *process) applyLate(port, id string, die *die, act func(lateness)) {
	after := die.between(time.Second, 50*time.Second)
	if late := p.w.latest; late > after && die.chance(0.5) {
		after = die.between(time.Second, late)
	}
	if port != "register" && port != "deregister" {
		act(lateness(after))
		p.w.note(p.name+" late "+port, id)
		return
	}
	if m := p.w.rigs[id]; port == "register" {
		m.lateJoin = true
	}
	p.w.in(after, func() {
		act(lateness(after))
		p.w.note(p.name+" late "+port, id)
	})
}

// wait passes time, unless the call is given up or its process killed.
func (p *process) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	return await(ctx, p, timer.C)
}

// await is wait for something to happen.
func await[T any](ctx context.Context, p *process, what <-chan T) error {
	if what == nil {
		return nil
	}
	select {
	case <-what:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.killed:
		runtime.Goexit()
		return errKilled
	}
}
