package targets

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/magefile/mage/mg"
	"golang.org/x/term"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// settings is what a deploy is asked for, filled once from flags and environment.
type settings struct {
	Environment string
	// Tag is the image tag that is resolved to a digest.
	Tag string
	// Fleet is the file that describes the fleet.
	Fleet string
	SSH   ssh
	// Ledger is where leases, journals and histories are: s3://BUCKET/PREFIX.
	Ledger string
	// Policy changes the default policy, in rollout.ParsePolicy's form.
	Policy string
	// Probe is the URL to send requests to during the run; empty: none are sent.
	Probe string
	// Alarms are CloudWatch alarms, separated by commas, that are asked beside the
	// environment's own.
	Alarms string
	// Report is the file for the JSON report; empty: none is written.
	Report string
	// DryRun shows the plan and touches nothing.
	DryRun bool
	// SkipDrift does not compare AWS with the code, AllowEnvDrift not the env files
	// on the instances with their seal.
	SkipDrift, AllowEnvDrift bool
	// SkipAlarms asks no alarm, AllowUnknownTargets goes on although targets are
	// registered that are not in the fleet.
	SkipAlarms, AllowUnknownTargets bool
	// AllowZoneLoss and AllowDowntime are the policy's zoneloss and downtime.
	AllowZoneLoss, AllowDowntime bool
	// Digest is the image to deploy instead of the one that the tag names; empty: the tag's.
	Digest string
	// OnlyForward skips a release whose commit is older than one that an instance runs.
	OnlyForward bool
	// Sandbox is set where the far ends are in this process.
	Sandbox bool
	// Ask wants a yes at the terminal before anything is touched.
	Ask bool
}

// ssh says how instances are reached.
type ssh struct{ Key, KnownHosts, Jump, ProxyCommand string }

var commitSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

// sshSettings are the key and what the environment says of the way:
// SSH_KNOWN_HOSTS (files, separated like PATH), SSH_JUMP (as in ssh -J) and
// SSH_PROXY_COMMAND.
func sshSettings(key *string) ssh {
	return ssh{
		Key:          value(key, "SSH_KEY", ""),
		KnownHosts:   value(nil, "SSH_KNOWN_HOSTS", defaultKnownHosts()),
		Jump:         os.Getenv("SSH_JUMP"),
		ProxyCommand: os.Getenv("SSH_PROXY_COMMAND"),
	}
}

// stateBucket is the bucket of Terraform's state: TF_STATE_BUCKET, or the one of this project.
func stateBucket() string { return value(nil, "TF_STATE_BUCKET", defaultBucket) }

// ledgerLocation is DEPLOY_LEDGER, or a prefix of its own in the bucket of Terraform's state.
func ledgerLocation() string {
	return value(nil, "DEPLOY_LEDGER", "s3://"+stateBucket()+"/"+ledgerPrefix)
}

// operatorSettings are those of the targets that look after an environment.
func operatorSettings(environment string, sshKey, fleet, policy *string) settings {
	return settings{
		Environment: environment, Fleet: value(fleet, "FLEET", ""),
		SSH: sshSettings(sshKey), Ledger: ledgerLocation(), Policy: value(policy, "", ""),
	}
}

// defaultKnownHosts are the repository's file, which trusts each environment's
// CA, and the user's own; those of them that are there.
func defaultKnownHosts() string {
	files := []string{filepath.Join(terraformDir, "known_hosts")}
	if home, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(home, ".ssh", "known_hosts"))
	}
	absent := func(path string) bool { _, err := os.Stat(path); return err != nil }
	return strings.Join(slices.DeleteFunc(files, absent), string(os.PathListSeparator))
}

// value is a flag's value, or else the environment variable's, or else fallback.
func value(flag *string, variable, fallback string) string {
	if flag != nil {
		return *flag
	}
	if variable == "" {
		return fallback
	}
	return cmp.Or(os.Getenv(variable), fallback)
}

// check finds what can be wrong before anything is asked of the world.
func (s settings) check() (rollout.Policy, error) {
	if !slices.Contains(environments(), s.Environment) {
		return rollout.Policy{}, usage("unknown environment %q: want one of %s", s.Environment, strings.Join(environments(), ", "))
	}
	policy, err := rollout.ParsePolicy(defaultPolicy(s.Environment), s.Policy)
	if err != nil {
		return policy, usage("%v", err)
	}
	if s.Digest != "" && !digestText.MatchString(s.Digest) {
		return policy, usage("-digest=%s: want sha256:<64 hex digits>", s.Digest)
	}
	policy.ZoneLoss = policy.ZoneLoss || s.AllowZoneLoss
	policy.Downtime = policy.Downtime || s.AllowDowntime
	if s.Probe != "" {
		if err := (probe.Options{URL: s.Probe}).Validate(); err != nil {
			return policy, usage("%v", err)
		}
	}
	return policy, checkReport(&s.Report)
}

// confirm asks at a terminal before a release is rolled out.
func (s settings) confirm(release rollout.Release) error {
	return s.agree(fmt.Sprintf("Roll %s out to %s?", release, s.Environment))
}

// agree wants the environment's name as the answer to a question at a terminal. If
// there is no terminal, CI's approval was the answer.
func (s settings) agree(question string) error {
	if !s.Ask || !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	printf("%s Type %s to go on: ", question, s.Environment)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != s.Environment {
		return fmt.Errorf("not confirmed: nothing was touched")
	}
	return nil
}

func environments() []string { return []string{"dev", "prod"} }

// defaultPolicy is the documented process; prod goes back as a whole when a run
// halts.
func defaultPolicy(environment string) rollout.Policy {
	policy := rollout.DefaultPolicy()
	policy.Rollback = environment == "prod"
	return policy
}

// usage is an error of the caller's: exit code 2.
func usage(format string, args ...any) error { return mg.Fatalf(2, format, args...) }

// unreadable words a file that cannot be read, with what was expected of it.
func unreadable(what, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the %s: %s does not exist", what, path)
	}
	return fmt.Errorf("read the %s: %w", what, err)
}
