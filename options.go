package deploy

import (
	"io"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// Options configures one command. The zero value deploys as the service declares it, silently and without handling signals.
type Options struct {
	// SSH configures the connections to the instances.
	SSH SSH
	// AWS changes how the AWS configuration is loaded, for example with awsconfig.WithSharedConfigProfile. Its region
	// is the fleet's unless one of the functions sets another.
	AWS []func(*awsconfig.LoadOptions) error
	// Fleet replaces the environment's Fleet. Nil: the environment's is used.
	Fleet fleet.Source
	// Ledger replaces the service's Ledger. Empty: the service's is used.
	Ledger string
	// Policy changes the environment's policy, in the form of [rollout.ParsePolicy].
	Policy string
	// Digest is the image to deploy, sha256:<64 hex digits>, instead of the one that the tag names. Empty: the tag's.
	Digest string
	// Probe is a URL of the service through the load balancer. Requests are sent to it during a run, and the run halts
	// if more than 1 % of them fail. Empty: none are sent.
	Probe string
	// Alarms are the names of CloudWatch alarms that refuse or halt a deploy, besides those of the fleet.
	Alarms []string

	// OnlyForward skips a release whose commit is older than one that an instance runs.
	OnlyForward bool
	// SkipDrift skips the comparison of AWS with the code that made the environment.
	SkipDrift bool
	// AllowEnvDrift allows instances with an env file other than the sealed one.
	AllowEnvDrift bool
	// SkipAlarms ignores all alarms.
	SkipAlarms bool
	// AllowUnknownTargets allows a run although a target is registered that is not in the fleet.
	AllowUnknownTargets bool
	// Register registers an instance also in target groups that somebody took it out of, or that it never was in.
	Register bool
	// AllowZoneLoss and AllowDowntime set the policy's zoneloss and downtime.
	AllowZoneLoss, AllowDowntime bool

	// Confirm is called with a question before anything is changed, if the environment requires a confirmation. It
	// returns ErrNotConfirmed, or another error, to refuse the run. Nil: starting the program counts as confirmation.
	Confirm func(question string) error
	// Signals makes the first SIGINT, SIGTERM or SIGHUP interrupt a run, which then puts its instances back into
	// service. Further signals have no effect. It replaces the program's own handlers of SIGINT.
	Signals bool
	// Out receives the view of the run: live on a terminal, plain lines otherwise. Nil: nothing is printed.
	Out io.Writer
	// Observe is called with each event of a run, one at a time. The run does not wait for it. Nil: it is not called.
	Observe func(rollout.Event)
	// Report is the file that the report is written to as JSON. Empty: none is written.
	Report string
	// Summary is the file, which GITHUB_STEP_SUMMARY names, that the report is appended to as Markdown. Empty: none is.
	Summary string
}

// SSH configures the connections to instances. The zero value uses the SSH agent and the user's known hosts.
type SSH struct {
	// KeyFile is a private key. Empty: the SSH agent's keys.
	KeyFile string
	// Passphrase returns the passphrase of KeyFile. Nil: a key with a passphrase is refused.
	Passphrase func() ([]byte, error)
	// KnownHosts are the files to trust instead of the service's and the user's. Empty: those two are used.
	KnownHosts []string
	// Jump or ProxyCommand replaces the environment's, whichever of the two that has. Both empty: the environment's is used.
	Jump, ProxyCommand string
	// MaxConnections limits the connections that are open at once. Zero: 20 with a ProxyCommand, else there is no limit.
	MaxConnections int
}

// check returns the policy, or an ErrUsage for an invalid option.
func (o Options) check(e Environment) (rollout.Policy, error) {
	base, _ := rollout.ParsePolicy(rollout.DefaultPolicy(), e.Policy) // Service.Validate refused one with an error
	policy, err := rollout.ParsePolicy(base, o.Policy)
	if err != nil {
		return policy, usage("%v", err)
	}
	policy.ZoneLoss = policy.ZoneLoss || o.AllowZoneLoss
	policy.Downtime = policy.Downtime || o.AllowDowntime
	if o.Digest != "" && !digestPattern.MatchString(o.Digest) {
		return policy, usage("-digest=%s: want sha256:<64 hex digits>", o.Digest)
	}
	if o.Probe != "" {
		if err := (probe.Options{URL: o.Probe}).Validate(); err != nil {
			return policy, usage("%v", err)
		}
	}
	if err := report.CheckFile(o.Report); err != nil {
		return policy, usage("%v", err)
	}
	return policy, nil
}
