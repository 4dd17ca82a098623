package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// Deploy rolls the image that a tag names out across the environment. The tag is resolved to a digest once. With
// Options.OnlyForward a release that is older than what an instance runs is skipped: its outcome is rollout.Skipped.
func (o *Operator) Deploy(ctx context.Context, tag string) (report.Document, error) {
	c, err := o.plan(ctx, tag)
	if err != nil {
		return report.Document{}, err
	}
	run, err := o.begin(ctx, c)
	if err != nil {
		return report.Document{}, err
	}
	return run.rollOut(o.options.OnlyForward)
}

// Rollback rolls the release of a run out again; empty: the last release that was healthy on the whole fleet before the
// current one. No alarm refuses or halts a rollback, because it is what one does when they ring.
func (o *Operator) Rollback(ctx context.Context, runID string) (report.Document, error) {
	c, err := o.planRollback(ctx, runID)
	if err != nil {
		return report.Document{}, err
	}
	run, err := o.begin(ctx, c)
	if err != nil {
		return report.Document{}, err
	}
	return run.rollOut(false)
}

// Resume heals what a dead run left out, and then goes on with the release of the run that did not finish.
func (o *Operator) Resume(ctx context.Context) (report.Document, error) {
	c, err := o.judged(nil)
	if err != nil {
		return report.Document{}, err
	}
	run, err := o.take(ctx, c)
	if err != nil {
		return report.Document{}, err
	}
	run.config.Release, err = o.unfinished(run.ctx, run.books, run.lease.Inherited())
	if err = cmp.Or(err, o.checkRepository(run.config.Release)); err == nil {
		err = run.show()
	}
	if err != nil {
		return report.Document{}, run.abandon(err)
	}
	return run.rollOut(false)
}

// Heal puts back into service what dead runs left out. Where nothing was left out and nobody deploys, it takes no lease
// and its document has no outcome; the remarks name targets that are not in the fleet.
func (o *Operator) Heal(ctx context.Context) (report.Document, error) {
	calm, document, err := o.calm(ctx)
	if err != nil || calm {
		return document, err
	}
	c, err := o.sealed()
	if err != nil {
		return report.Document{}, err
	}
	run, err := o.take(ctx, c)
	if err != nil {
		return report.Document{}, err
	}
	if err := run.show(); err != nil {
		return report.Document{}, run.abandon(err)
	}
	return run.end(run.heal())
}

// calm reports whether nobody deploys and nothing was left unfinished. Then it names the targets that are not in the
// fleet, as a recovery does.
func (o *Operator) calm(ctx context.Context) (bool, report.Document, error) {
	books, err := o.books(o.name)
	if err != nil {
		return false, report.Document{}, err
	}
	status, err := books.Current(ctx)
	if err != nil || status.Lease != nil || len(status.Unfinished) > 0 {
		return false, report.Document{}, err
	}
	health, err := o.groups.Health(ctx)
	if err != nil {
		return false, report.Document{}, fmt.Errorf("read the target groups' health: %w", err)
	}
	document := report.Document{Result: rollout.Result{Environment: o.name, Remarks: o.fleet.Unknown(health)}}
	return true, document, nil
}

// unfinished is the release of the run that did not finish: one that died, or the last one in the history, where it was
// broken off or healed already. A run that was refused, such as a resume, touched nothing and changes nothing about that.
func (o *Operator) unfinished(ctx context.Context, books *ledger.Ledger, inherited []ledger.Run) (rollout.Release, error) {
	if release := ledger.Dead(inherited).Release; release.Image != "" {
		return release, nil
	}
	records, err := books.History(ctx, 10)
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
	return rollout.Release{}, fmt.Errorf("nothing to resume: the last run in %s finished", o.name)
}

// lastGood is the release to go back to: a named run's, or that of the last good run before what runs now.
func (o *Operator) lastGood(ctx context.Context, runID string) (rollout.Release, error) {
	books, err := o.books(o.name)
	if err != nil {
		return rollout.Release{}, err
	}
	if runID != "" {
		record, err := books.Find(ctx, runID)
		if err == nil && !record.Good() {
			err = fmt.Errorf("run %s ended %s: it is nothing to go back to", runID, record.Result.Outcome)
		}
		return record.Result.Release, err
	}
	last, err := books.LastGood(ctx, "")
	if err == nil {
		last, err = books.LastGood(ctx, last.Result.Release.Digest())
	}
	if errors.Is(err, ledger.ErrNoGoodRun) {
		err = fmt.Errorf("%w: deploy a release by its tag", err)
	}
	return last.Result.Release, err
}

// rollOut heals what dead runs left out, and then rolls the release out; onlyForward, unless it is older than what runs.
func (r *run) rollOut(onlyForward bool) (report.Document, error) {
	result, err := r.heal()
	if err == nil && onlyForward {
		result, err = r.compare()
	}
	if err == nil && result.Outcome != rollout.Skipped {
		result, err = rollout.Run(r.ctx, r.config)
	}
	return r.end(result, err)
}

// compare reads whether the run's release is older than what an instance runs: then the result's outcome is
// rollout.Skipped. The run holds the lease, so that no other run changes what the instances run between the Comparison
// and the rollout.
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
