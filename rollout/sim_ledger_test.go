package rollout

import (
	"context"
	"fmt"
	"time"
)

// ledger is the lease and the journal of an environment as one object: a write
// succeeds for the holder only.
type ledger struct {
	holder  *process
	release int     // of the last run
	entries []Entry // the holder's, without what recovery does not need
	before  []Entry // those of runs that did not finish
	// actsUntil is when the last intent's time is over, by the store's clock.
	actsUntil time.Time
	// registered is when the last outcome of a registration was written, or what a run wrote last that did not finish.
	registered time.Time
	written    time.Time // when the last entry was
}

// takes gives the lease to a process, whose journal begins. It learns until when others may have registered targets.
func (l *ledger) takes(p *process) {
	if len(l.before)+len(l.entries) > 0 {
		l.registered = l.written
	}
	p.actedUntil = l.registered
	l.holder, l.before, l.entries = p, append(l.before, l.entries...), nil
}

var errFenced = fmt.Errorf("sim: %w", ErrLost)

// Record is the process's journal. The process dies here where its story says so.
func (p *process) Record(ctx context.Context, e Entry) error {
	p.stagger("meet", e.Instance)
	killed := p.meets(e)
	fenced := false
	err := p.call(ctx, "record", e.Instance, func(lateness) {
		fenced = !p.holds()
		p.write(e)
	})
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.alive()
	if killed {
		p.die("by an entry, after", string(e.Step)+" "+string(e.Mark))
	}
	if err == nil && fenced {
		return errFenced
	}
	return err
}

// meets counts the entry; it reports whether the process dies of it once it is
// written, or dies before.
func (p *process) meets(e Entry) bool {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.alive()
	p.written++
	if p.command.ends != atEntry || p.written != p.command.entry {
		return false
	}
	if p.w.roll("kill/"+p.name, 0).chance(0.5) {
		return true
	}
	p.die("by an entry, before", string(e.Step)+" "+string(e.Mark))
	return false
}

func (p *process) holds() bool { return p.w.ledger.holder == p && !p.lost }

// write appends an entry, if the lease is still held.
func (p *process) write(e Entry) {
	if !p.holds() {
		return
	}
	p.w.note("entry "+string(e.Step)+" "+string(e.Mark), e.Instance)
	p.w.ledger.written = time.Now()
	e.Time = e.Time.Add(p.skew + p.w.jumped)
	if registers(e) {
		p.w.ledger.registered = time.Now()
	}
	if until := time.Now().Add(time.Duration(e.Seconds)*time.Second + 2*time.Second); e.Seconds > 0 && until.After(p.w.ledger.actsUntil) {
		p.w.ledger.actsUntil = until
	}
	p.w.ledger.entries = Append(p.w.ledger.entries, e)
	p.w.ledger.before = closeEarlier(p.w.ledger.before, e)
	switch e.Mark {
	case Begun, Undoing:
		p.intent[e.Instance] = intent{e.Step, e.Mark}
		p.intentAt[e.Instance] = time.Now()
	default:
		p.intent[e.Instance] = intent{}
	}
	if e.Step == StepDeregister && e.Mark == Begun || e.Step == StepRegister {
		p.touched[e.Instance] = true
	}
	if p.command.pause > 0 && p.written >= p.command.pausedAt && e.intends() {
		p.pause(p.command.pause)
		p.command.pause = 0
	}
	if e.Step == StepJoin && e.Mark == Done {
		p.w.judge(whenJoined, scene{p: p, m: p.w.rigs[e.Instance]})
	}
}

// registers reports whether an entry is the outcome of a registration, as package ledger does.
func registers(e Entry) bool {
	return e.Step == StepRegister && (e.Mark == Done || e.Mark == Failed) || e.Step == StepDeregister && (e.Mark == Undone || e.Mark == Failed)
}

// settle forgets what the runs before this one, and this one so far, recorded.
func (p *process) settle() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if p.holds() && !p.dead {
		p.w.ledger.before, p.w.ledger.entries = nil, nil
	}
}
