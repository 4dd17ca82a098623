package targets

import (
	"context"
	"errors"
	"fmt"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// Heal puts back into service what a killed run left out, and does nothing where all is well.
func (Deploy) Heal(ctx context.Context,
	environment string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then Terraform's outputs
	fleet *string,
	// changes to the default policy, such as 'batch=2 drain.min=30s'
	policy *string,
	// file to write the JSON report to
	report *string,
) (err error) {
	defer cleanError(&err)
	s := operatorSettings(environment, sshKey, fleet, policy)
	s.Report = value(report, "", "")
	calm, err := s.calm(ctx)
	if err != nil {
		return err
	}
	if calm {
		printf("nothing to heal: no run was left unfinished in %s\n", environment)
		return nil
	}
	_, held, err := s.take(ctx)
	if err != nil {
		return err
	}
	return healed(s, held)
}

// calm reports whether nobody deploys and nothing was left unfinished. Then it names the targets that are not in the
// fleet, as a recovery does.
func (s settings) calm(ctx context.Context) (bool, error) {
	world, _, err := s.open(ctx)
	if err != nil {
		return false, err
	}
	books, err := world.books(s.Environment, s.Ledger)
	if err != nil {
		return false, err
	}
	status, err := books.Current(ctx)
	if err != nil || status.Lease != nil || len(status.Unfinished) > 0 {
		return false, err
	}
	health, err := world.groups.Health(ctx)
	if err != nil {
		return false, fmt.Errorf("read the target groups' health: %w", err)
	}
	for _, text := range world.unknown(health) {
		printf("%s\n", text)
	}
	return true, nil
}

// healed heals, and tells how it went.
func healed(s settings, held *held) error {
	defer held.stop()
	screen := newScreen(report.Options{Environment: s.Environment, Instances: held.config.Instances})
	held.config.Observe = screen.Observe
	result, err := heal(held.ctx, held.lease, held.config)
	err = errors.Join(err, finish(held.ctx, held.lease, result))
	return tell(s, screen, report.Document{Result: result}, err)
}

// Resume heals what a killed run left out and then goes on with its release.
func (Deploy) Resume(ctx context.Context,
	environment string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then Terraform's outputs
	fleet *string,
	// changes to the default policy, such as 'batch=2 drain.min=30s'
	policy *string,
	// URL to send requests to during the run, through the load balancer
	probe *string,
	// CloudWatch alarms, NAME,NAME, that refuse or halt the run; the environment's own are always asked
	alarms *string,
	// file to write the JSON report to
	report *string,
	// do not ask Terraform whether AWS is as the code says
	skipDrift *bool,
	// let instances run with an env file that is not the sealed one
	allowEnvDrift *bool,
	// do not ask any CloudWatch alarm
	skipAlarms *bool,
	// go on although a target is registered that is not in the fleet
	allowUnknownTargets *bool,
) (err error) {
	defer cleanError(&err)
	s := operatorSettings(environment, sshKey, fleet, policy)
	s.Probe, s.Alarms, s.Report = value(probe, "", ""), value(alarms, "", ""), value(report, "", "")
	s.SkipDrift, s.AllowEnvDrift = set(skipDrift), set(allowEnvDrift)
	s.SkipAlarms, s.AllowUnknownTargets = set(skipAlarms), set(allowUnknownTargets)
	world, held, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer held.stop()
	if err := world.checkPort(s.Environment); err != nil {
		return letGo(held.ctx, held.lease, err)
	}
	if err := world.judge(s); err != nil {
		return letGo(held.ctx, held.lease, err)
	}
	release, err := held.unfinished(ctx)
	if err != nil {
		return letGo(held.ctx, held.lease, err)
	}
	held.config.Release, held.config.Gates, held.config.RefuseUnknown = release, world.gates, world.refuseUnknown
	return ship(held.ctx, s, world, held.lease, held.config)
}

// unfinished is the release of the run that did not finish: one that died, or the
// last one in the history, where it was broken off or healed already. A run that was
// refused, such as a resume, touched nothing and changes nothing about that.
func (h *held) unfinished(ctx context.Context) (rollout.Release, error) {
	if release := dead(h.lease.Inherited()).Release; release.Image != "" {
		return release, nil
	}
	records, err := h.books.History(ctx, 10)
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
	return rollout.Release{}, fmt.Errorf("nothing to resume: the last run in %s finished", h.config.Environment)
}

// Rollback rolls the last release that was healthy on the whole fleet out again, or the one of a run.
func (Deploy) Rollback(ctx context.Context,
	environment string,
	// run whose release to go back to; default the last good one before the current
	to *string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then Terraform's outputs
	fleet *string,
	// changes to the default policy, such as 'batch=2 drain.min=30s'
	policy *string,
	// URL to send requests to during the run, through the load balancer
	probe *string,
	// file to write the JSON report to
	report *string,
	// show what would be done and touch nothing
	dryRun *bool,
) (err error) {
	defer cleanError(&err)
	s := operatorSettings(environment, sshKey, fleet, policy)
	s.Probe, s.Report, s.DryRun = value(probe, "", ""), value(report, "", ""), set(dryRun)
	world, parsed, err := s.open(ctx)
	if err != nil {
		return err
	}
	if err := world.checkPort(s.Environment); err != nil {
		return err
	}
	books, err := world.books(environment, s.Ledger)
	if err != nil {
		return err
	}
	release, err := goodRelease(ctx, books, value(to, "", ""))
	if errors.Is(err, ledger.ErrNoGoodRun) {
		return fmt.Errorf("%w: roll a release out by its tag, with mage deploy:%s", err, environment)
	}
	if err != nil {
		return err
	}
	return roll(ctx, s, world, parsed, release)
}

// goodRelease is what to go back to: a named run's, or that of the last good
// run before what runs now.
func goodRelease(ctx context.Context, books *ledger.Ledger, run string) (rollout.Release, error) {
	if run != "" {
		record, err := books.Find(ctx, run)
		if err == nil && !record.Good() {
			err = fmt.Errorf("run %s ended %s: it is nothing to go back to", run, record.Result.Outcome)
		}
		return record.Result.Release, err
	}
	last, err := books.LastGood(ctx, "")
	if err != nil {
		return rollout.Release{}, err
	}
	before, err := books.LastGood(ctx, last.Result.Release.Digest())
	return before.Result.Release, err
}

// held is an environment that this process holds.
type held struct {
	ctx    context.Context
	stop   context.CancelFunc
	books  *ledger.Ledger
	lease  *ledger.Lease
	config rollout.Config
}

// take opens an environment and takes its lease, with no release in mind.
func (s settings) take(ctx context.Context) (*world, *held, error) {
	world, policy, err := s.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	config := world.config(s.Environment, rollout.Release{}, policy)
	books, err := world.books(s.Environment, s.Ledger)
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := untilSignal(ctx)
	lease, err := world.acquire(ctx, books, holder(config.ID, config.Release))
	if err != nil {
		stop()
		return nil, nil, err
	}
	config.Journal = lease
	return world, &held{ctx, stop, books, lease, config}, nil
}
