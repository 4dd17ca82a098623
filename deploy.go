package deploy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/growl-dev/deploy/internal/hosts"
	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// Deploy rolls the image that a tag names out across the environment. The tag is resolved to a digest once, so that the
// whole run uses the same image. With Options.OnlyForward a release that is older than the one of an instance is
// skipped, with the outcome rollout.Skipped.
func (o *Operator) Deploy(ctx context.Context, tag string) (report.Document, error) {
	c, err := o.plan(ctx, tag)
	if err != nil {
		return report.Document{}, err
	}
	run, err := o.begin(ctx, c)
	if err != nil {
		return report.Document{}, err
	}
	result, err := run.heal()
	if err == nil && o.options.OnlyForward {
		result, err = run.compare()
	}
	if err == nil && result.Outcome != rollout.Skipped {
		result, err = run.rollout()
	}
	return run.end(result, err)
}

// Rollback rolls the release of a run out again. If runID is empty, it is the last release that was in service on the
// whole fleet before the present one, which the instances are read for. No alarm refuses or halts a rollback, because an alarm is its usual reason.
func (o *Operator) Rollback(ctx context.Context, runID string) (report.Document, error) {
	c, err := o.planRollback(ctx, runID)
	if err != nil {
		return report.Document{}, err
	}
	run, err := o.begin(ctx, c)
	if err != nil {
		return report.Document{}, err
	}
	return run.rollOut()
}

// Resume puts back the instances that an unfinished run left out of service, and then continues with its release.
func (o *Operator) Resume(ctx context.Context) (report.Document, error) {
	c, err := o.deployConditions(nil)
	if err != nil {
		return report.Document{}, err
	}
	run, err := o.acquire(ctx, c)
	if err != nil {
		return report.Document{}, err
	}
	run.config.Release, err = releaseToResume(run.ctx, run.ledger, run.lease.Unfinished())
	if err = cmp.Or(err, checkRepository(run.config.Release, o.images)); err == nil {
		err = run.show()
	}
	if err != nil {
		return report.Document{}, run.abandon(err)
	}
	return run.rollOut()
}

// Heal puts the instances that unfinished runs left out of service back. If there are none and no run is in progress,
// it acquires no lease and returns a document without an outcome. Its remarks name who does not serve.
func (o *Operator) Heal(ctx context.Context) (report.Document, error) {
	idle, document, err := o.idle(ctx)
	if err != nil || idle {
		return document, err
	}
	c, err := o.instanceConditions()
	if err != nil {
		return report.Document{}, err
	}
	run, err := o.begin(ctx, c)
	if err != nil {
		return report.Document{}, err
	}
	result, err := run.heal()
	result.Remarks = append(result.Remarks, o.fleet.NotServing(o.groups.Health(run.ctx))...)
	return run.end(result, err)
}

// idle reports whether no run is in progress and none was left unfinished. Then the document has the remarks of Heal.
func (o *Operator) idle(ctx context.Context) (bool, report.Document, error) {
	l, err := o.openLedger(o.name)
	if err != nil {
		return false, report.Document{}, err
	}
	status, err := l.Current(ctx)
	if err != nil || status.Lease != nil || len(status.Unfinished) > 0 {
		return false, report.Document{}, err
	}
	health, err := o.groups.Health(ctx)
	if err != nil {
		return false, report.Document{}, fmt.Errorf("read the target groups' health: %w", err)
	}
	return true, report.Document{Result: rollout.Result{Environment: o.name, Remarks: slices.Concat(o.fleet.Unknown(health), o.fleet.NotServing(health, nil))}}, nil
}

// releaseToResume returns the release of the run that did not finish. That is a run that was killed, or else the last
// one in the history, if it was interrupted or has been healed already. A run that was refused, such as an earlier
// resume, changed nothing, so it is skipped.
func releaseToResume(ctx context.Context, l *ledger.Ledger, left rollout.UnfinishedRun) (rollout.Release, error) {
	if left.Release.Image != "" {
		return left.Release, nil
	}
	records, err := l.History(ctx, 10)
	if err != nil {
		return rollout.Release{}, err
	}
	for _, r := range records {
		switch r.Result.Outcome {
		case rollout.Healed, rollout.Skipped, rollout.Refused, "":
			continue
		case rollout.Interrupted, rollout.Mixed:
			return r.Result.Release, nil
		}
		break
	}
	return rollout.Release{}, fmt.Errorf("nothing to resume: the last run in %s finished", l.Environment())
}

// releaseToRollBackTo returns the release of the named run, or the one that was in service before the present one.
func releaseToRollBackTo(ctx context.Context, l *ledger.Ledger, fleet *hosts.Fleet, runID string) (rollout.Release, error) {
	if runID == "" {
		return l.Previous(ctx, fleet.Present(ctx))
	}
	record, err := l.Find(ctx, runID)
	if err == nil && !record.Good() {
		err = fmt.Errorf("run %s ended %s: it is nothing to go back to", runID, record.Result.Outcome)
	}
	return record.Result.Release, err
}

// rollOut heals the instances that unfinished runs left out of service, and then rolls the release out.
func (r *run) rollOut() (report.Document, error) {
	result, err := r.heal()
	if err == nil {
		result, err = r.rollout()
	}
	return r.end(result, err)
}

// rollout rolls the release out. The time that the credentials have left is read now, because waiting for the lease and
// healing can take long.
func (r *run) rollout() (rollout.Result, error) {
	r.config.Within = r.operator.lifetime()
	return rollout.Run(r.ctx, r.config)
}

// compare returns the outcome rollout.Skipped if the release is older than the one of an instance. The run holds the
// lease, so that no other run changes the instances between the comparison and the rollout.
func (r *run) compare() (rollout.Result, error) {
	result := rollout.Result{Run: r.config.ID, Environment: r.config.Environment, Release: r.config.Release, Started: time.Now()}
	c, err := r.hosts.Compare(r.ctx, r.config.Release)
	result.Finished = time.Now()
	if err != nil {
		result.Outcome, result.Error = rollout.Refused, oneline.Error(err).Error()
		return result, err
	}
	if c.Older != "" {
		c.Remarks, result.Outcome = append(c.Remarks, c.Older), rollout.Skipped
	}
	for _, text := range c.Remarks {
		r.remark(text)
	}
	r.remarks = append(r.remarks, c.Remarks...)
	return result, nil
}
