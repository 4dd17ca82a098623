package targets

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/magefile/mage/mg"

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
	// Policy changes the default policy, in rollout.ParsePolicy's form.
	Policy string
	// Probe is the URL to send requests to during the run; empty: none are sent.
	Probe string
	// Report is the file for the JSON report; empty: none is written.
	Report string
	// DryRun shows the plan and touches nothing.
	DryRun bool
}

// ssh says how instances are reached.
type ssh struct{ Key, KnownHosts, Jump, ProxyCommand string }

var commitSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

func sshSettings(key, knownHosts, jump, proxyCommand *string) ssh {
	return ssh{
		Key:          value(key, "SSH_KEY", ""),
		KnownHosts:   value(knownHosts, "SSH_KNOWN_HOSTS", defaultKnownHosts()),
		Jump:         value(jump, "SSH_JUMP", ""),
		ProxyCommand: value(proxyCommand, "SSH_PROXY_COMMAND", ""),
	}
}

func defaultKnownHosts() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".ssh", "known_hosts")
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
	policy, err := rollout.ParsePolicy(rollout.DefaultPolicy(), s.Policy)
	if err != nil {
		return policy, usage("%v", err)
	}
	if s.Report == "" {
		return policy, nil
	}
	if dir, err := os.Stat(filepath.Dir(s.Report)); err != nil || !dir.IsDir() {
		return policy, usage("write the report to %s: its folder does not exist", s.Report)
	}
	return policy, nil
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
