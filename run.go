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

// finishTimeout bounds writing a run's end, because the run's own context may be over.
const finishTimeout = 40 * time.Second

// run is a run that holds its environment.
type run struct {
	operator *Operator
	hosts    *hosts.Fleet
	books    *ledger.Ledger
	lease    *ledger.Lease
	config   rollout.Config
	// ctx is broken off by a signal, and stop ends its handler.
	ctx  context.Context
	stop context.CancelFunc

	load   load
	screen report.Reporter // nil: nothing is printed
	// remarks go before those of the result.
	remarks []string
}

// begin takes the environment for a run that rolls a release out, after whoever is to be asked has confirmed it.
func (o *Operator) begin(ctx context.Context, c conditions) (*run, error) {
	if o.environment.Confirm && o.options.Confirm != nil {
		if err := o.options.Confirm(fmt.Sprintf("Roll %s out to %s?", c.release, o.name)); err != nil {
			return nil, err
		}
	}
	r, err := o.take(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := r.show(); err != nil {
		return nil, r.abandon(err)
	}
	return r, nil
}

// take takes the environment's lease, and its target groups, which belong to one service and environment.
func (o *Operator) take(ctx context.Context, c conditions) (*run, error) {
	books, err := o.books(o.name)
	if err != nil {
		return nil, err
	}
	r := &run{operator: o, hosts: c.hosts, books: books, config: o.config(c), remarks: c.skipped, ctx: ctx, stop: func() {}}
	if o.options.Signals {
		r.ctx, r.stop = signals.Until(ctx)
	}
	holder := ledger.Here(r.config.ID, c.release)
	if r.lease, err = books.Acquire(r.ctx, holder); err != nil {
		r.stop()
		return nil, err
	}
	r.config.Journal = r.lease
	if err := books.Claim(r.ctx, o.fleet.TargetGroups, holder); err != nil {
		return nil, r.abandon(err)
	}
	return r, nil
}

func (o *Operator) config(c conditions) rollout.Config {
	return rollout.Config{
		ID: rollout.NewID(time.Now()), Environment: o.name, Release: c.release, Policy: o.policy,
		Port:      o.service.Container.HostPort,
		Instances: o.fleet.Instances, Balancer: o.groups, Connect: c.hosts.Connect, Observe: o.options.Observe,
		Gates: c.gates, Watches: c.watches, RefuseUnknown: c.refuseUnknown,
	}
}

// abandon gives the environment back after an error before the rollout.
func (r *run) abandon(err error) error {
	defer r.stop()
	if left := r.lease.Release(context.WithoutCancel(r.ctx)); left != nil {
		return fmt.Errorf("%w; %w", err, left)
	}
	return err
}

// show starts the probe, and the view of the run.
func (r *run) show() (err error) {
	o := r.operator
	if r.load, err = startProbe(r.ctx, o.options.Probe); err != nil {
		return err
	}
	r.load.judges(&r.config)
	if o.options.Out != nil {
		r.screen = report.New(o.options.Out, report.Options{
			Environment: o.name, Release: r.config.Release, Instances: r.config.Instances, Footer: r.load.line,
		})
	}
	r.config.Observe = r.observe
	for _, text := range r.remarks {
		r.remark("WARNING " + text)
	}
	return nil
}

func (r *run) observe(e rollout.Event) {
	r.load.observe(e)
	if r.screen != nil {
		r.screen.Observe(e)
	}
	r.operator.options.Observe(e)
}

func (r *run) remark(text string) {
	r.observe(rollout.Event{Time: time.Now(), Kind: rollout.Remarked, Detail: text})
}

// heal puts back into service what dead runs left in flight. What cannot be put back keeps its journal, so that the next
// command tries again.
func (r *run) heal() (rollout.Result, error) {
	d := ledger.Dead(r.lease.Inherited())
	if len(d.Entries) == 0 {
		return rollout.Result{Run: r.config.ID, Environment: r.config.Environment, Outcome: rollout.UnchangedRun}, r.settled()
	}
	result, err := rollout.Heal(r.ctx, r.config, d)
	if err != nil {
		return result, err
	}
	return result, r.settled()
}

// settled files the inherited runs, which are healed.
func (r *run) settled() error {
	if len(r.lease.Inherited()) == 0 {
		return nil
	}
	ctx, cancel := r.afterwards()
	defer cancel()
	return r.lease.Healed(ctx)
}

// afterwards is the context of what has to be done although the run was broken off.
func (r *run) afterwards() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.ctx), finishTimeout)
}

// end does what follows a run: it moves the tag of what the environment runs, files the result, gives the lease back and
// writes the reports.
func (r *run) end(result rollout.Result, err error) (report.Document, error) {
	defer r.stop()
	rolled := result.Release.Image != "" && (result.Outcome == rollout.Deployed || result.Outcome == rollout.UnchangedRun)
	var follow error
	if rolled {
		follow = r.mark()
		r.newcomers(&result)
	}
	result.Remarks = slices.Concat(r.remarks, result.Remarks)
	follow = errors.Join(follow, r.file(result))
	document := report.Document{Result: result, Traffic: r.load.stop()}
	follow = errors.Join(follow, r.tell(document))
	if rolled && err == nil && follow != nil {
		return document, r.unfinished(follow)
	}
	return document, oneline.Error(errors.Join(remedied(r.operator.name, err), follow))
}

// unfinished is the error of a run whose rollout succeeded. The tag alone may name another image by now.
func (r *run) unfinished(follow error) error {
	release := r.config.Release
	return fmt.Errorf("%w: %s runs on every instance of %s: %w: `mage deploy:to %[3]s -tag=%[5]s -digest=%[6]s` does what is left",
		ErrUnfinished, release, r.operator.name, oneline.Error(follow), release.Tag, release.Digest())
}

// tell shows how the run ended, and writes its reports.
func (r *run) tell(document report.Document) (err error) {
	o := r.operator.options
	if r.screen != nil {
		r.screen.Finish(document)
	}
	if o.Report != "" {
		err = document.WriteFile(o.Report)
	}
	if o.Summary == "" {
		return err
	}
	if o.Out != nil {
		_, _ = io.WriteString(o.Out, report.Annotations(document))
	}
	return errors.Join(err, document.AppendSummary(o.Summary))
}

// mark moves the tag that first boot pulls to what the environment runs now.
func (r *run) mark() error {
	ctx, cancel := r.afterwards()
	defer cancel()
	tag := r.operator.environment.Tag
	if err := r.operator.images.Retag(ctx, r.config.Release.Digest(), tag); err != nil {
		return fmt.Errorf("move the tag %s, without which new instances start the release before: %w", tag, err)
	}
	return nil
}

// file files the run's result and gives the lease back. A run that left an instance out of service, or in doubt, keeps
// its journal for the next command to heal, and its record is filed then.
func (r *run) file(result rollout.Result) error {
	ctx, cancel := r.afterwards()
	defer cancel()
	if result.Outcome == rollout.Orphaned || result.InDoubt {
		return r.lease.Release(ctx)
	}
	return r.lease.Finish(ctx, result)
}

// remedied adds what to do about env files that are not the sealed one.
func remedied(environment string, err error) error {
	if !errors.Is(err, docker.ErrEnvFile) || !errors.Is(err, rollout.ErrRefuse) {
		return err
	}
	return fmt.Errorf("%w: a deploy does not carry env changes: `mage infra:apply %s -oneByOne` does, -allowEnvDrift goes on without", err, environment)
}
