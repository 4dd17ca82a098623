package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Plan is what a run would do, found out without changing anything.
type Plan struct {
	Environment string
	Release     Release
	Policy      Policy
	Instances   []Planned
	// ETA is how long the run takes where nothing goes wrong.
	ETA time.Duration
	// Batches are the IDs of the instances that leave together, in order.
	Batches [][]string
	// Outcome is how the run would end if nothing else goes wrong: Deployed, UnchangedRun, Mixed or Refused.
	Outcome Outcome
	// Remarks are things worth knowing that refuse nothing.
	Remarks []string
}

// Planned is what a run would do with one instance, and why.
type Planned struct {
	Instance Instance
	// Runs is what it runs now.
	Runs Release
	// Health is what the load balancer says of it now.
	Health Health
	// Update is set when the run would take it through the table.
	Update bool
	// Err is why it cannot be prepared.
	Err error
}

// String is the plan for people: a line an instance, then the batches.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan for %s: %s\n", p.Environment, p.Release)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, i := range p.Instances {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", i.Instance.ID, i.Instance.Name, i.Instance.Zone, i.says())
	}
	_ = table.Flush() // a Builder takes everything
	for n, batch := range p.Batches {
		fmt.Fprintf(&b, "  batch %d: %s\n", n+1, strings.Join(batch, " "))
	}
	if len(p.Batches) > 0 {
		fmt.Fprintf(&b, "  steps: %s\n", joinSteps(Steps()))
		fmt.Fprintf(&b, "  takes about %s\n", roughly(p.ETA))
	}
	fmt.Fprintf(&b, "  policy: %s\n", p.Policy)
	for _, text := range p.Remarks {
		fmt.Fprintf(&b, "  %s\n", text)
	}
	return b.String()
}

func (p Planned) says() string {
	switch {
	case p.Err != nil:
		return "cannot be prepared: " + oneLine(p.Err)
	case p.Update:
		return fmt.Sprintf("update from %s, now %s", p.Runs, p.Health)
	default:
		return "unchanged: runs the release already"
	}
}

// MakePlan finds out what a run would do, and changes nothing. It asks the gates and checks each instance as the run
// does before it begins, but pulls no image. The error is the one that the run would end with if nothing else goes
// wrong; the plan's outcome tells whether it would be refused, or end with only a part of the fleet updated.
func MakePlan(ctx context.Context, c Config) (Plan, error) {
	plan := Plan{Environment: c.Environment, Release: c.Release, Policy: c.Policy, Outcome: Refused}
	r, err := newRun(c)
	if err := errors.Join(c.Release.Validate(), err); err != nil {
		return plan, err
	}
	defer r.close()
	if err := r.survey(ctx); err != nil {
		return plan, err
	}
	refused := r.check(ctx)
	for _, p := range r.passages {
		plan.Instances = append(plan.Instances, Planned{
			Instance: p.instance, Runs: p.before.Release, Health: p.registered,
			Update: p.outcome == Pending && p.err == nil, Err: p.err,
		})
	}
	for _, batch := range r.batches() {
		plan.Batches = append(plan.Batches, ids(batch))
	}
	if e := newETA(r.Policy, r.timing, len(r.batches()), r.report); e != nil {
		plan.ETA, _ = e.left()
	}
	plan.Remarks = r.report.remarks
	if refused != nil {
		return plan, refused
	}
	plan.Outcome = r.expected()
	return plan, r.failure()
}

// check asks the gates and checks every instance, all at once. It returns why the run would be refused.
func (r *run) check(ctx context.Context) error {
	gated := make(chan error, 1)
	go func() { gated <- checkGates(ctx, r.Gates, "gate", r.report) }()
	r.each(r.pending(), func(p *passage) {
		if err := p.host.Check(ctx, p.release); err != nil {
			p.err = fmt.Errorf("%s: %w", StepPrepare, err)
		}
	})
	return errors.Join(<-gated, context.Cause(ctx), r.prepared(ctx))
}

// expected is how a run ends that updates all it can.
func (r *run) expected() Outcome {
	switch {
	case r.failed() > 0:
		return Mixed
	case len(r.pending()) > 0:
		return Deployed
	default:
		return UnchangedRun
	}
}

// survey asks the load balancer and every instance how things stand.
func (r *run) survey(ctx context.Context) error {
	timing, err := r.Balancer.Timing(ctx)
	if err != nil {
		return fmt.Errorf("read the target groups' timing: %w", err)
	}
	health, err := r.watch.health(ctx)
	if err != nil {
		return fmt.Errorf("read the target groups' health: %w", err)
	}
	r.timing = timing
	if err := r.Policy.refuseUnworkable(timing); err != nil {
		return err
	}
	if unknown := r.unknown.find(health, r.report); r.RefuseUnknown {
		if err := refuseUnknown(unknown); err != nil {
			return err
		}
	}
	for _, p := range r.passages {
		p.enroll(health, timing)
	}
	if err := r.refusePorts(); err != nil {
		return err
	}
	r.each(r.pending(), func(p *passage) { p.inspect(ctx) })
	return errors.Join(context.Cause(ctx), r.possible(health))
}

// enroll notes which registrations the instance has, and shall have again. One
// that is in no group belongs in all of the fleet's, at their own ports.
func (p *passage) enroll(health Health, timing []Timing) {
	p.registered = health.Of(p.instance.ID)
	for _, h := range p.registered {
		p.targets = append(p.targets, h.Target)
		if h.State == TargetInitial {
			p.entered = time.Now() // or before, which nobody says
		}
	}
	if len(p.targets) > 0 {
		return
	}
	for _, t := range timing {
		p.targets = append(p.targets, Target{Group: t.Group, Instance: p.instance.ID, Port: t.Port})
	}
}

// inspect connects and decides whether the instance needs the release.
func (p *passage) inspect(ctx context.Context) {
	if p.err = p.reach(ctx); p.err != nil {
		p.emit(Event{Step: StepPrepare, Kind: StepFailed, Err: p.err})
		return
	}
	p.running = p.before.Release.Digest()
	for _, text := range p.before.Remarks {
		p.remark(StepPrepare, "%s", text)
	}
	if p.current() {
		p.outcome, p.same = Unchanged, true
		p.part()
		p.emit(Event{Kind: InstanceEnded, Detail: string(Unchanged)})
		return
	}
	if p.err = p.irreplaceable(); p.err != nil {
		p.emit(Event{Step: StepPrepare, Kind: StepFailed, Err: p.err})
	}
}

// irreplaceable returns an error if the instance serves and no container of the service was found on it. Whatever
// serves there, such as a process outside of Docker, would be in the way of the new container and could not be put
// back. An instance that is not healthy has nothing to lose, so it needs no container.
func (p *passage) irreplaceable() error {
	if p.before.Running || p.before.Container != "" || !slices.ContainsFunc(p.registered, healthy) {
		return nil
	}
	return fmt.Errorf("%s: the load balancer calls it healthy, and what serves there could not be put back: %s",
		StepPrepare, cmp.Or(p.before.Missing, "no container of the service was found"))
}

// current reports whether the instance serves the release already.
func (p *passage) current() bool {
	out := func(h TargetHealth) bool { return !h.State.Registered() }
	return p.before.Running && p.running == p.release.Digest() &&
		len(p.registered) > 0 && !slices.ContainsFunc(p.registered, out)
}
