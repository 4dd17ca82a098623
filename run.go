package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/growl-dev/deploy/internal/hosts"
	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/internal/signals"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// finishTimeout bounds the steps after a run, because the run's own context may have ended.
const finishTimeout = 40 * time.Second

// run is a run that holds its environment.
type run struct {
	operator *Operator
	hosts    *hosts.Fleet
	ledger   *ledger.Ledger
	lease    *ledger.Lease
	config   rollout.Config
	// ctx is cancelled by a signal, and stop removes the signal handler.
	ctx  context.Context
	stop context.CancelFunc

	load   load
	screen report.Reporter // nil: no receipt is printed
	events report.Buffer
	// remarks come before those of the result.
	remarks []string
	// healed is the result of a recovery by this process, after it lost its lease and acquired another one. Then the result
	// of the run itself is in the history already. Nil: there was none.
	healed *rollout.Result
}

// begin acquires the environment and shows the run. A release is confirmed first, if that is required.
func (o *Operator) begin(ctx context.Context, c conditions) (*run, error) {
	if c.release.Image != "" && o.environment.Confirm && o.options.Confirm != nil {
		if err := o.options.Confirm(fmt.Sprintf("Roll %s out to %s?", c.release, o.name)); err != nil {
			return nil, err
		}
	}
	r, err := o.acquire(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := r.show(); err != nil {
		return nil, r.abandon(err)
	}
	return r, nil
}

// acquire acquires the environment's lease, and claims its target groups, which belong to one service and environment.
func (o *Operator) acquire(ctx context.Context, c conditions) (*run, error) {
	l, err := o.openLedger(o.name)
	if err != nil {
		return nil, err
	}
	r := &run{operator: o, hosts: c.hosts, ledger: l, config: o.config(c), remarks: c.skipped, ctx: ctx, stop: func() {}}
	r.events.Add(o.options.Observe)
	r.config.Observe = r.observe
	if o.options.Signals {
		r.ctx, r.stop = signals.Until(ctx)
	}
	holder := ledger.Here(r.config.ID, c.release)
	if r.lease, err = l.Acquire(r.ctx, holder); err != nil {
		r.stop()
		return nil, err
	}
	r.config.Journal, r.config.ActedUntil = r.lease, r.lease.RegisteredUntil()
	if err := l.Claim(r.ctx, o.fleet.TargetGroups, holder); err != nil {
		return nil, r.abandon(err)
	}
	return r, nil
}

func (o *Operator) config(c conditions) rollout.Config {
	return rollout.Config{
		ID: rollout.NewID(time.Now()), Environment: o.name, Release: c.release, Policy: o.policy,
		Port:      o.service.Container.HostPort,
		Instances: o.fleet.Instances, Balancer: o.groups, Connect: c.hosts.Connect, Observe: o.options.Observe,
		Gates: c.gates, Watches: c.watches, RefuseUnknown: c.refuseUnknown, Register: o.options.Register,
	}
}

// abandon releases the environment after an error before the rollout.
func (r *run) abandon(err error) error {
	if left := r.lease.Release(context.WithoutCancel(r.ctx)); left != nil {
		err = fmt.Errorf("%w; %w", err, left)
	}
	r.stop()
	r.events.Flush()
	return err
}

// show starts the probe and the view of the run.
func (r *run) show() (err error) {
	o := r.operator
	if r.load, err = startProbe(r.ctx, o.options.Probe); err != nil {
		return err
	}
	r.load.addTo(&r.config)
	if o.options.Out != nil {
		r.screen = report.New(o.options.Out, report.Options{
			Environment: o.name, Release: r.config.Release, Instances: r.config.Instances, Footer: r.load.line,
		})
		r.events.Add(r.screen.Observe)
	}
	for _, text := range r.remarks {
		r.remark("WARNING " + text)
	}
	return nil
}

func (r *run) observe(e rollout.Event) {
	r.load.observe(e)
	r.events.Observe(e)
}

func (r *run) remark(text string) {
	r.observe(rollout.Event{Time: time.Now(), Kind: rollout.Remarked, Detail: text})
}

// heal puts the instances that unfinished runs left in flight back into service. If one cannot be put back, its journal
// is kept, so that the next command tries again.
func (r *run) heal() (rollout.Result, error) {
	d := r.lease.Unfinished()
	if len(d.Entries) == 0 {
		return rollout.Result{Run: r.config.ID, Environment: r.config.Environment, Outcome: rollout.UnchangedRun}, r.closeHealed()
	}
	result, err := rollout.Heal(r.ctx, r.config, d)
	if err != nil {
		return result, err
	}
	return result, r.closeHealed()
}

// closeHealed records the inherited runs as healed.
func (r *run) closeHealed() error {
	if len(r.lease.Inherited()) == 0 {
		return nil
	}
	ctx, cancel := r.finishContext()
	defer cancel()
	return r.lease.Healed(ctx)
}

// finishContext returns a context for steps that are necessary even if the run was interrupted.
func (r *run) finishContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.ctx), finishTimeout)
}

// end makes the steps after a run: it moves the tag of the environment's release, records the result, releases the
// lease and writes the reports.
func (r *run) end(result rollout.Result, err error) (report.Document, error) {
	result, err = r.retake(result, err)
	rolled := result.Release.Image != "" && (result.Outcome == rollout.Deployed || result.Outcome == rollout.UnchangedRun)
	var follow error
	if rolled {
		follow = r.moveTag()
		r.newcomers(&result)
	}
	result.Remarks = slices.Concat(r.remarks, result.Remarks)
	follow = errors.Join(follow, r.record(result))
	r.stop() // from here on a signal ends the process, because the reader of its output may not read
	document := report.Document{Result: result, Traffic: r.load.stop()}
	follow = errors.Join(follow, r.writeReports(document))
	if rolled && err == nil && follow != nil {
		return document, r.unfinishedError(follow)
	}
	return document, oneline.Error(errors.Join(withRemedy(r.operator.name, err), follow))
}

// unfinishedError returns the error of a run whose rollout succeeded. The tag alone may name another image by now.
func (r *run) unfinishedError(follow error) error {
	release := r.config.Release
	return fmt.Errorf("%w: %s runs on every instance of %s: %w: `mage deploy:to %[3]s -tag=%[5]s -digest=%[6]s` does what is left",
		ErrUnfinished, release, r.operator.name, oneline.Error(follow), release.Tag, release.Digest())
}

// writeReports writes the reports of the run, and then shows its result, which waits for the reader of the output.
func (r *run) writeReports(document report.Document) (err error) {
	o := r.operator.options
	if o.Report != "" {
		err = document.WriteFile(o.Report)
	}
	if o.Summary != "" {
		err = errors.Join(err, document.AppendSummary(o.Summary))
	}
	r.events.Flush()
	if r.screen != nil {
		r.screen.Finish(document)
	}
	if o.Summary != "" && o.Out != nil {
		_, _ = io.WriteString(o.Out, report.Annotations(document))
	}
	return err
}

// moveTag moves the tag that first boot pulls to the environment's new release.
func (r *run) moveTag() error {
	ctx, cancel := r.finishContext()
	defer cancel()
	tag := r.operator.environment.Tag
	if err := r.operator.images.Retag(ctx, r.config.Release.Digest(), tag); err != nil {
		return fmt.Errorf("move the tag %s, without which new instances start the release before: %w", tag, err)
	}
	return nil
}

// record records the run's result and releases the lease. If the run left an instance out of service, or in doubt, its
// journal is kept for the next command, which heals the instance and records the run then.
func (r *run) record(result rollout.Result) error {
	ctx, cancel := r.finishContext()
	defer cancel()
	if result.Outcome == rollout.Orphaned || result.InDoubt {
		return r.lease.Release(ctx)
	}
	if r.healed != nil {
		result = *r.healed
	}
	return r.lease.Finish(ctx, result)
}

// withRemedy adds the remedy to an error about env files that differ from the sealed one.
func withRemedy(environment string, err error) error {
	if !errors.Is(err, docker.ErrEnvFile) || !errors.Is(err, rollout.ErrRefuse) {
		return err
	}
	return fmt.Errorf("%w: a deploy does not carry env changes: `mage infra:apply %s -oneByOne` does, -allowEnvDrift goes on without", err, environment)
}
