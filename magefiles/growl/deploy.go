package growl

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/magefiles/targets"
)

// Deploy rolls releases of growl-backend out.
type Deploy mg.Namespace

// Dev rolls the image that -tag names across dev, one instance at a time, without a failed request.
func (Deploy) Dev(ctx context.Context,
	// image tag to roll out; default IMAGE_TAG, then latest
	tag *string,
	// same as -tag, under the old script's name
	imageTag *string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then Terraform's outputs
	fleet *string,
	// changes to the default policy, such as 'batch=2 drain.min=30s'
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
	// take the last healthy instance of a zone out; the same as -policy=zoneloss=true
	allowZoneLoss *bool,
	// update an instance that serves alone, which takes the service down; the same as -policy=downtime=true
	allowDowntime *bool,
	// skip a release whose commit is older than what an instance runs, and exit with 0
	onlyForward *bool,
	// show the plan and change nothing
	dryRun *bool,
) (err error) {
	defer console.CleanError(&err)
	if tag != nil && imageTag != nil && *tag != *imageTag {
		return console.Usage("-tag=%s and -imageTag=%s disagree: give one of them", *tag, *imageTag)
	}
	if tag == nil {
		tag = imageTag
	}
	return targets.Roll(ctx, Service(), "dev", targets.Flags{
		Tag: tag, SSHKey: sshKey, Fleet: fleet, Policy: policy, Probe: probe, Alarms: alarms, Report: report,
		SkipDrift: skipDrift, AllowEnvDrift: allowEnvDrift, SkipAlarms: skipAlarms, AllowUnknownTargets: allowUnknownTargets, Register: register,
		AllowZoneLoss: allowZoneLoss, AllowDowntime: allowDowntime, OnlyForward: onlyForward, DryRun: dryRun,
	})
}

// Prod rolls an image that CI built and pushed, named by its full commit SHA, across prod.
func (Deploy) Prod(ctx context.Context,
	sha string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then Terraform's outputs
	fleet *string,
	// changes to the default policy, such as 'batch=2 drain.min=30s'
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
	// take the last healthy instance of a zone out; the same as -policy=zoneloss=true
	allowZoneLoss *bool,
	// update an instance that serves alone, which takes the service down; the same as -policy=downtime=true
	allowDowntime *bool,
	// image of that commit, sha256:…, to deploy without comparing the tag with what dev ran
	digest *string,
	// show the plan and change nothing
	dryRun *bool,
	// deploy to prod without a confirmation
	yes *bool,
) (err error) {
	defer console.CleanError(&err)
	return targets.Roll(ctx, Service(), "prod", targets.Flags{
		Tag: &sha, SSHKey: sshKey, Fleet: fleet, Policy: policy, Probe: probe, Alarms: alarms, Report: report, Digest: digest,
		SkipDrift: skipDrift, AllowEnvDrift: allowEnvDrift, SkipAlarms: skipAlarms, AllowUnknownTargets: allowUnknownTargets, Register: register,
		AllowZoneLoss: allowZoneLoss, AllowDowntime: allowDowntime, DryRun: dryRun, Yes: yes,
	})
}
