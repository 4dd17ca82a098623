package targets

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/report"
)

// Deploy rolls releases across the instances of an environment, and manages its runs.
type Deploy mg.Namespace

// To rolls the image that -tag names across an environment, one instance at a time, without a failed request.
func (Deploy) To(ctx context.Context,
	environment string,
	// image tag to roll out; default IMAGE_TAG, then latest
	tag *string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then the environment's own
	fleet *string,
	// changes to the environment's policy, such as 'batch=2 drain.min=30s'
	policy *string,
	// URL to send requests to during the run, through the load balancer
	probe *string,
	// CloudWatch alarms, NAME,NAME, that refuse or halt the run; the environment's own are always checked
	alarms *string,
	// file to write the report to: a page if it ends in .html, else JSON
	report *string,
	// image to deploy, sha256:…, instead of the one that the tag names
	digest *string,
	// do not compare AWS with the Terraform code
	skipDrift *bool,
	// allow instances whose env file is not the sealed one
	allowEnvDrift *bool,
	// ignore all CloudWatch alarms
	skipAlarms *bool,
	// continue even if a registered target is not in the fleet
	allowUnknownTargets *bool,
	// register an instance also where somebody deregistered it, or in all target groups if it is in none
	register *bool,
	// take the last healthy instance of a zone out; the same as -policy=zoneloss=true
	allowZoneLoss *bool,
	// update an instance that serves alone, which takes the service down; the same as -policy=downtime=true
	allowDowntime *bool,
	// skip a release whose commit is older than what an instance runs, and exit with 0
	onlyForward *bool,
	// show the plan and change nothing
	dryRun *bool,
	// deploy without a confirmation, also if the environment requires one
	yes *bool,
) (err error) {
	defer console.CleanError(&err)
	declared, err := service()
	if err != nil {
		return err
	}
	return Roll(ctx, declared, environment, Flags{
		Tag: tag, SSHKey: sshKey, Fleet: fleet, Policy: policy, Probe: probe, Alarms: alarms, Report: report, Digest: digest,
		SkipDrift: skipDrift, AllowEnvDrift: allowEnvDrift, SkipAlarms: skipAlarms, AllowUnknownTargets: allowUnknownTargets, Register: register,
		AllowZoneLoss: allowZoneLoss, AllowDowntime: allowDowntime, OnlyForward: onlyForward, DryRun: dryRun, Yes: yes,
	})
}

// Heal puts the instances that a killed run left out back into service, and does nothing if there are none.
func (Deploy) Heal(ctx context.Context,
	environment string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then the environment's own
	fleet *string,
	// changes to the environment's policy, such as 'batch=2 drain.min=30s'
	policy *string,
	// file to write the report to: a page if it ends in .html, else JSON
	report *string,
) (err error) {
	defer console.CleanError(&err)
	flags := Flags{SSHKey: sshKey, Fleet: fleet, Policy: policy, Report: report}
	return operate(ctx, environment, flags, func(operator *deploy.Operator) (document, error) {
		healed, err := operator.Heal(ctx)
		if err == nil && healed.Outcome == "" {
			printIdle(environment, healed.Remarks)
		}
		return healed, err
	})
}

// Resume heals what a killed run left out and then continues with its release.
func (Deploy) Resume(ctx context.Context,
	environment string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then the environment's own
	fleet *string,
	// changes to the environment's policy, such as 'batch=2 drain.min=30s'
	policy *string,
	// URL to send requests to during the run, through the load balancer
	probe *string,
	// CloudWatch alarms, NAME,NAME, that refuse or halt the run; the environment's own are always checked
	alarms *string,
	// file to write the report to: a page if it ends in .html, else JSON
	report *string,
	// do not compare AWS with the Terraform code
	skipDrift *bool,
	// allow instances whose env file is not the sealed one
	allowEnvDrift *bool,
	// ignore all CloudWatch alarms
	skipAlarms *bool,
	// continue even if a registered target is not in the fleet
	allowUnknownTargets *bool,
	// register an instance also where somebody deregistered it, or in all target groups if it is in none
	register *bool,
) (err error) {
	defer console.CleanError(&err)
	flags := Flags{
		SSHKey: sshKey, Fleet: fleet, Policy: policy, Probe: probe, Alarms: alarms, Report: report,
		SkipDrift: skipDrift, AllowEnvDrift: allowEnvDrift, SkipAlarms: skipAlarms, AllowUnknownTargets: allowUnknownTargets, Register: register,
	}
	return operate(ctx, environment, flags, func(operator *deploy.Operator) (document, error) {
		return operator.Resume(ctx)
	})
}

// Rollback rolls the release out again that the whole fleet ran before the present one, or the one of a run.
func (Deploy) Rollback(ctx context.Context,
	environment string,
	// run whose release to go back to; default the last good one before the current
	to *string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then the environment's own
	fleet *string,
	// changes to the environment's policy, such as 'batch=2 drain.min=30s'
	policy *string,
	// URL to send requests to during the run, through the load balancer
	probe *string,
	// file to write the report to: a page if it ends in .html, else JSON
	report *string,
	// show the plan and change nothing
	dryRun *bool,
) (err error) {
	defer console.CleanError(&err)
	yes := true // whoever goes back is in a hurry
	flags := Flags{SSHKey: sshKey, Fleet: fleet, Policy: policy, Probe: probe, Report: report, Yes: &yes}
	if set(dryRun) {
		operator, err := open(ctx, environment, flags)
		if err != nil {
			return err
		}
		return planned(operator.PlanRollback(ctx, value(to, "")))
	}
	return operate(ctx, environment, flags, func(operator *deploy.Operator) (document, error) {
		return operator.Rollback(ctx, value(to, ""))
	})
}

// Status shows who holds an environment, which run is in flight, what runs on each instance, and what differs.
func (Deploy) Status(ctx context.Context,
	environment string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then the environment's own
	fleet *string,
) (err error) {
	defer console.CleanError(&err)
	operator, err := open(ctx, environment, Flags{SSHKey: sshKey, Fleet: fleet})
	if err != nil {
		return err
	}
	status, err := operator.Status(ctx)
	if len(status.Instances) > 0 {
		err = errors.Join(status.Print(console.Out()), err)
	}
	return ended(report.Document{}, err)
}

// History lists the last runs of an environment and their outcomes.
func (Deploy) History(ctx context.Context,
	environment string,
	// how many runs; default 10
	runs *int,
	// JSON file that describes the fleet; default FLEET, then the environment's own
	fleet *string,
) (err error) {
	defer console.CleanError(&err)
	operator, err := open(ctx, environment, Flags{Fleet: fleet})
	if err != nil {
		return err
	}
	n := 10
	if runs != nil {
		n = *runs
	}
	records, err := operator.History(ctx, n)
	if err != nil {
		return ended(report.Document{}, err)
	}
	table := tabwriter.NewWriter(console.Out(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tBY\tOUTCOME\tRELEASE\tTOOK\tERROR")
	for _, r := range records {
		took := r.Result.Finished.Sub(r.Result.Started).Round(time.Second)
		fmt.Fprintln(table, report.Cells(r.Holder.RunID, r.Holder.Owner, string(r.Result.Outcome), r.Result.Release.String(), took.String(),
			fmt.Sprintf("%.80s", report.Clean(r.Result.Error))))
	}
	return table.Flush()
}

// Unlock takes the lease from a run that died, or from a living one whose ID is typed out in -run.
func (Deploy) Unlock(ctx context.Context,
	environment string,
	// ID of the run that holds the environment; default: only a lease that has ended
	run *string,
	// JSON file that describes the fleet; default FLEET, then the environment's own
	fleet *string,
) (err error) {
	defer console.CleanError(&err)
	operator, err := open(ctx, environment, Flags{Fleet: fleet})
	if err != nil {
		return err
	}
	if err := operator.Unlock(ctx, value(run, "")); err != nil {
		return err
	}
	console.Printf("%s is free; `mage deploy:heal %s` puts back what was left in flight\n", environment, environment)
	return nil
}

// printIdle prints that there was nothing to heal, and what was seen.
func printIdle(environment string, remarks []string) {
	text := "nothing to heal: no run was left unfinished in " + environment
	if len(remarks) == 0 {
		text += ", and the load balancer calls every instance healthy"
	}
	for _, line := range append([]string{text}, remarks...) {
		console.Printf("%s\n", line)
	}
}

// operate opens an environment of the declared service for a run.
func operate(ctx context.Context, environment string, flags Flags, do func(*deploy.Operator) (document, error)) error {
	declared, err := service()
	if err != nil {
		return err
	}
	return flags.run(ctx, declared, environment, do)
}

// open opens an environment of the declared service for something that is no run.
func open(ctx context.Context, environment string, flags Flags) (*deploy.Operator, error) {
	declared, err := service()
	if err != nil {
		return nil, err
	}
	operator, err := flags.open(ctx, declared, environment, nil)
	return operator, ended(report.Document{}, err)
}
