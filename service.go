package deploy

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/image"
	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
)

// Service declares a service: its container, and the environments that it runs in.
type Service struct {
	// Name names the service in the ledger and in messages: lower-case letters, digits and hyphens. It has no default.
	Name string
	// Container is the service's container on each instance. HostPort has no default. An empty Name is the service's,
	// and an empty ContainerPort is HostPort.
	Container docker.Spec
	// Ledger is where leases, journals and histories are: s3://BUCKET/PREFIX?region=REGION. It has no default. Everybody
	// who can move the same targets has to use the same ledger, because leases and claims in another one have no effect.
	Ledger string
	// KnownHosts are files with SSH host keys to trust besides ~/.ssh/known_hosts. Files that do not exist are ignored.
	KnownHosts []string
	// Sandbox configures the service in the sandbox. A deploy does not use it.
	Sandbox Sandbox
	// Image configures the build and the push of the image. A deploy does not use it. An empty Dir is the working
	// directory, and an empty Name the service's.
	Image image.Options
	// Environments are the environments by name.
	Environments map[string]Environment
}

// Sandbox configures the program that the sandbox runs in place of a service's image. The zero value is a stand-in that
// serves the paths of the service's container.
type Sandbox struct {
	// Program is the folder of a Go program that listens on the port and the address in the environment variables PORT
	// and LISTEN_HOST. Empty: the stand-in runs.
	Program string
	// Env are further variables of the image. A path under a mount's target is replaced by the mount's real path.
	Env map[string]string
	// CountFile is the file under a mount to which the service writes its count of connections. Empty: there is none.
	CountFile string
	// Zones are the availability zones of the instances. Empty: two of the ledger's region.
	Zones []string
}

// Environment declares an environment of a service, and the rules of deploying to it.
type Environment struct {
	// Fleet is the source of the instances: fleet.File, or infra.Fleet for Terraform. It has no default.
	Fleet fleet.Source
	// Policy changes the default policy, in the form of [rollout.ParsePolicy], such as "rollback=true batch=2".
	Policy string
	// CommitOnly allows only tags that are a full commit SHA.
	CommitOnly bool
	// Confirm requires that Options.Confirm agrees before anything is changed.
	Confirm bool
	// PromotedFrom is the environment in which a release has to run before this one. The tag has to name the image that
	// ran there under the same commit. Empty: there is no such comparison.
	PromotedFrom string
	// Tag is the image tag of the environment's release, which the first boot of a new instance pulls. A deploy moves
	// it. Empty: deployed-NAME, with the environment's name, which is what the script of package firstboot pulls.
	Tag string
	// Jump are the hosts that SSH connections go through, in the form of ssh -J. ProxyCommand is a command that carries
	// them instead. Empty: connections are direct.
	Jump, ProxyCommand string
	// OldLedgerKey is the environment's key in version 1 of the ledger. The first run moves its data. Empty: none.
	OldLedgerKey string
}

var (
	serviceName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	commitSHA     = regexp.MustCompile(`^[0-9a-f]{40}$`)
	digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// WithDefaults returns the service with its empty fields filled in.
func (s Service) WithDefaults() Service {
	s.Container.Name = cmp.Or(s.Container.Name, s.Name)
	s.Container.ContainerPort = cmp.Or(s.Container.ContainerPort, s.Container.HostPort)
	s.Container = s.Container.WithDefaults()
	s.Image.Dir, s.Image.Name = cmp.Or(s.Image.Dir, "."), cmp.Or(s.Image.Name, s.Name)
	s.Environments = maps.Clone(s.Environments)
	for name, e := range s.Environments {
		e.Tag = cmp.Or(e.Tag, "deployed-"+name)
		s.Environments[name] = e
	}
	return s
}

// Validate returns one error that names every fault of the declaration.
func (s Service) Validate() error {
	var faults []error
	if !serviceName.MatchString(s.Name) {
		faults = append(faults, fmt.Errorf("name %q: want lower-case letters, digits and hyphens", s.Name))
	}
	if err := s.WithDefaults().Container.Validate(); err != nil {
		faults = append(faults, fmt.Errorf("container: %w", err))
	}
	if _, err := ledger.ParseLocation(s.Ledger); err != nil {
		faults = append(faults, err)
	}
	if len(s.Environments) == 0 {
		faults = append(faults, errors.New("it has no environments"))
	}
	for _, name := range s.EnvironmentNames() {
		if err := s.validate(name); err != nil {
			faults = append(faults, fmt.Errorf("environment %q: %w", name, err))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("the declaration of service %q: %w", s.Name, oneline.Error(errors.Join(faults...)))
}

// validate returns the faults of one environment.
func (s Service) validate(name string) error {
	e := s.Environments[name]
	_, policy := rollout.ParsePolicy(rollout.DefaultPolicy(), e.Policy)
	_, jump := remote.ParseJump(e.Jump)
	_, key := ledger.Open(nil, s.key(name), ledger.Options{Before: e.OldLedgerKey})
	faults := []error{policy, jump, key}
	if !serviceName.MatchString(name) {
		faults = append(faults, errors.New("its name: want lower-case letters, digits and hyphens"))
	}
	if e.Fleet == nil {
		faults = append(faults, errors.New("it has no fleet"))
	}
	if _, known := s.Environments[e.PromotedFrom]; e.PromotedFrom != "" && !known {
		faults = append(faults, fmt.Errorf("promoted from %q, which is not an environment of the service", e.PromotedFrom))
	}
	return errors.Join(faults...)
}

// EnvironmentNames returns the names of the environments, sorted.
func (s Service) EnvironmentNames() []string { return slices.Sorted(maps.Keys(s.Environments)) }

// Environment returns the environment of that name with its empty fields filled in, or an ErrUsage if there is none.
func (s Service) Environment(name string) (Environment, error) {
	e, known := s.WithDefaults().Environments[name]
	if !known {
		return e, usage("unknown environment %q: want one of %s", name, strings.Join(s.EnvironmentNames(), ", "))
	}
	return e, nil
}

// CheckTag returns an ErrUsage if the environment does not allow an image of that tag.
func (s Service) CheckTag(environment, tag string) error {
	e, err := s.Environment(environment)
	if err == nil && e.CommitOnly && !commitSHA.MatchString(tag) {
		err = usage("%s takes the full commit SHA of an image that CI pushed (40 hex digits), not %q", environment, tag)
	}
	return err
}

// key returns the environment's key in the ledger.
func (s Service) key(environment string) string { return s.Name + "/" + environment }
