package targets

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/report"
)

// Flags are the flags of a deploy in mage's form: nil if one was not given. Then the environment variable beside the
// flag is used instead.
type Flags struct {
	Tag    *string // IMAGE_TAG; else latest
	SSHKey *string // SSH_KEY; else the SSH agent
	Fleet  *string // FLEET; else, and if it is empty, the environment's
	Policy *string
	Probe  *string
	Alarms *string
	Report *string
	Digest *string
	DryRun *bool
	Yes    *bool

	SkipDrift, AllowEnvDrift, SkipAlarms, AllowUnknownTargets *bool
	Register, AllowZoneLoss, AllowDowntime, OnlyForward       *bool
}

// options converts the flags and the environment variables to the options of package deploy.
func (f Flags) options() deploy.Options {
	o := deploy.Options{
		SSH: deploy.SSH{
			KeyFile: value(f.SSHKey, "SSH_KEY"), Passphrase: sync.OnceValues(console.Passphrase),
			KnownHosts: filepath.SplitList(os.Getenv("SSH_KNOWN_HOSTS")), Jump: os.Getenv("SSH_JUMP"), ProxyCommand: os.Getenv("SSH_PROXY_COMMAND"),
		},
		Policy: value(f.Policy, ""), Digest: value(f.Digest, ""),
		Probe: value(f.Probe, ""), Alarms: split(value(f.Alarms, "")), Report: value(f.Report, ""),
		OnlyForward: set(f.OnlyForward), SkipDrift: set(f.SkipDrift), AllowEnvDrift: set(f.AllowEnvDrift),
		SkipAlarms: set(f.SkipAlarms), AllowUnknownTargets: set(f.AllowUnknownTargets), Register: set(f.Register),
		AllowZoneLoss: set(f.AllowZoneLoss), AllowDowntime: set(f.AllowDowntime),
		Signals: true, Out: console.Screen(), Summary: os.Getenv("GITHUB_STEP_SUMMARY"),
	}
	if file := value(f.Fleet, "FLEET"); file != "" {
		o.Fleet = fleet.File(file)
	}
	return o
}

// value returns a flag's value, or else that of the environment variable.
func value(flag *string, variable string) string {
	switch {
	case flag != nil:
		return *flag
	case variable == "":
		return ""
	default:
		return os.Getenv(variable)
	}
}

// positive returns the number that an environment variable holds; zero if the variable is empty.
func positive(variable string) (int, error) {
	text := os.Getenv(variable)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%w: %s=%q: want a number of at least 1", deploy.ErrUsage, variable, text)
	}
	return n, nil
}

// set reports whether a flag without a value was given.
func set(flag *bool) bool { return flag != nil && *flag }

// split splits NAME,NAME. It returns no name for an empty text.
func split(names string) []string {
	if names == "" {
		return nil
	}
	var all []string
	for name := range strings.SplitSeq(names, ",") {
		all = append(all, strings.TrimSpace(name))
	}
	return all
}

// ended adds the exit code to an error, which mage reads from the error itself, and the names of the flags that fix it.
func ended(result report.Document, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, remote.ErrNoKey) {
		err = fmt.Errorf("%w: KeyFile is what -sshKey or SSH_KEY names", err)
	}
	return mg.Fatal(deploy.ExitCode(result, err), err)
}

// tag returns the image tag that the flags name.
func (f Flags) tag() string {
	if f.Tag != nil {
		return *f.Tag
	}
	return cmp.Or(os.Getenv("IMAGE_TAG"), "latest")
}

// located returns the ledger's location, or other if that is set. If other names no region, it is in the declared one.
func located(declared, other string) string {
	_, region, _ := strings.Cut(declared, "?")
	switch {
	case other == "":
		return declared
	case strings.HasPrefix(other, "s3://") && !strings.Contains(other, "?"):
		return other + "?" + region
	default:
		return other
	}
}
