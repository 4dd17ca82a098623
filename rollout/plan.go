package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// Plan describes a run that has not begun. Making one changes nothing.
type Plan struct {
	Environment string
	Release     Release
	Policy      Policy
	Instances   []Planned
	// ETA is the time that the run takes if nothing goes wrong.
	ETA time.Duration
	// Batches are the IDs of the instances that leave together, in order.
	Batches [][]string
	// Outcome is the ending of the run if nothing else goes wrong: Deployed, UnchangedRun, Mixed or Refused.
	Outcome Outcome
	// Remarks are things worth knowing that refuse nothing.
	Remarks []string
}

// Planned describes what a run would do with one instance, and why.
type Planned struct {
	Instance Instance
	// Runs is the release that it runs now.
	Runs Release
	// Health is its health in the load balancer now.
	Health Health
	// Update is set if the run would take it through the table.
	Update bool
	// Err is why it cannot be prepared.
	Err error
}

// String returns the plan for people: one line for each instance, then the batches.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan for %s: %s\n", p.Environment, p.Release)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, i := range p.Instances {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", i.Instance.ID, i.Instance.Name, i.Instance.Zone, i.summary())
	}
	_ = table.Flush() // writing to a Builder never fails
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

// summary returns what a run would do with the instance.
func (p Planned) summary() string {
	switch {
	case p.Err != nil:
		return "cannot be prepared: " + oneLine(p.Err)
	case p.Update:
		return fmt.Sprintf("update from %s, now %s", p.Runs, p.Health)
	default:
		return "unchanged: runs the release already"
	}
}

// MakePlan returns what a run would do, and changes nothing. It runs the gates and checks each instance as the run does
// before it begins, but pulls no image. The error is the one that the run would end with if nothing else goes wrong. The
// plan's outcome says whether the run would be refused, or end with only a part of the fleet updated.
func MakePlan(ctx context.Context, c Config) (Plan, error) {
	plan := Plan{Environment: c.Environment, Release: c.Release, Policy: c.Policy, Outcome: Refused}
	f, err := newFleet(c)
	if err := errors.Join(c.Release.Validate(), err); err != nil {
		return plan, err
	}
	defer f.close()
	if err := f.survey(ctx); err != nil {
		return plan, err
	}
	refused := f.check(ctx)
	for _, u := range f.updates {
		plan.Instances = append(plan.Instances, Planned{
			Instance: u.instance, Runs: u.before.Release, Health: u.registration.before,
			Update: waiting(u), Err: u.err,
		})
	}
	batches := f.batches()
	for _, batch := range batches {
		plan.Batches = append(plan.Batches, batch.ids())
	}
	if e := newETA(f.Policy, f.groups, len(batches), f.report); e != nil {
		plan.ETA, _ = e.left()
		refused = errors.Join(refused, e.refuseLate(f.Within))
	}
	plan.Remarks = f.report.remarks
	if refused != nil {
		return plan, refused
	}
	plan.Outcome = f.updates.expected()
	return plan, f.updates.failure()
}

// check runs the gates and checks every instance, all at once. It returns why the run would be refused.
func (f *fleet) check(ctx context.Context) error {
	gated := make(chan error, 1)
	go func() { gated <- checkGates(ctx, f.Gates, "gate", f.report) }()
	f.each(f.updates.that(waiting), func(u *instanceUpdate) {
		if err := u.host.Check(ctx, u.release); err != nil {
			u.err = fmt.Errorf("%s: %w", StepPrepare, err)
		}
	})
	return errors.Join(<-gated, context.Cause(ctx), f.verdictBefore(ctx))
}

// expected returns how a run ends that updates all it can.
func (us updates) expected() Outcome {
	switch {
	case len(us.that(failed)) > 0:
		return Mixed
	case len(us.that(waiting)) > 0:
		return Deployed
	default:
		return UnchangedRun
	}
}
