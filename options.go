package deploy

import (
	"io"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// Options are the choices of one command. The zero value deploys as the service declares it, prints nothing and leaves
// signals alone.
type Options struct {
	// SSH is how the instances are reached.
	SSH SSH
	// AWS change how the AWS configuration is loaded, such as awsconfig.WithSharedConfigProfile. Its region is the fleet's
	// unless one of them sets another.
	AWS []func(*awsconfig.LoadOptions) error
	// Fleet replaces the environment's Fleet. Nil: it stays.
	Fleet fleet.Source
	// Ledger replaces the service's Ledger. Empty: it stays.
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
	// SkipDrift does not compare AWS with the code that made the environment.
	SkipDrift bool
	// AllowEnvDrift lets instances run with an env file other than the sealed one.
	AllowEnvDrift bool
	// SkipAlarms lets no alarm refuse or halt a run.
	SkipAlarms bool
	// AllowUnknownTargets goes on although a target is registered that is not in the fleet.
	AllowUnknownTargets bool
	// AllowZoneLoss and AllowDowntime are the policy's zoneloss and downtime.
	AllowZoneLoss, AllowDowntime bool

	// Confirm is called with a question before anything is touched, where the environment wants that. It returns
	// ErrNotConfirmed, or another error, to refuse the run. Nil: nobody is asked, because whoever started the program has decided.
	Confirm func(question string) error
	// Signals makes the first SIGINT, SIGTERM or SIGHUP break a run off, which then puts its instances back into
	// service. Further ones change nothing. It replaces the program's own handlers of SIGINT.
	Signals bool
	// Out shows the run: a live view on a terminal, plain lines elsewhere. Nil: nothing is printed.
	Out io.Writer
	// Observe is called with each event of a run, one at a time, and returns quickly. Nil: nothing is called.
	Observe func(rollout.Event)
	// Report is the file that the report is written to as JSON. Empty: none is written.
	Report string
	// Summary is the file that the report is appended to as Markdown for GitHub, which GITHUB_STEP_SUMMARY names. Empty:
	// none is written.
	Summary string
}

// SSH is how instances are reached. The zero value uses the SSH agent and the user's known hosts.
type SSH struct {
	// KeyFile is a private key. Empty: the SSH agent's keys.
	KeyFile string
	// Passphrase returns the passphrase of KeyFile. Nil: a key with a passphrase is refused.
	Passphrase func() ([]byte, error)
	// KnownHosts are the files to trust instead of the service's and the user's. Empty: those.
	KnownHosts []string
	// Jump and ProxyCommand replace the environment's. Empty: they stay.
	Jump, ProxyCommand string
}

// check returns the policy, and an ErrUsage for what is wrong with the options.
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
