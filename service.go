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
	// Container is the service's container on each instance. HostPort has no default. Where they are empty, Name is the
	// service's, and ContainerPort is HostPort.
	Container docker.Spec
	// Ledger is where leases, journals and histories are kept: s3://BUCKET/PREFIX?region=REGION. Two ledgers cannot see
	// each other's leases and claims, so all who could move the same targets have to use one. It has no default.
	Ledger string
	// KnownHosts are files with SSH host keys that are trusted besides those of ~/.ssh/known_hosts. Those that do not
	// exist are left out.
	KnownHosts []string
	// Sandbox is what runs in the sandbox in the place of the image. A deploy does not use it.
	Sandbox Sandbox
	// Image is how the image is built and pushed. A deploy does not use it. Where they are empty, Dir is the working
	// directory, and Name the service's.
	Image image.Options
	// Environments are the environments by name.
	Environments map[string]Environment
}

// Sandbox is what the sandbox runs in the place of a service's image. The zero value is a stand-in that answers the
// paths of the service's container.
type Sandbox struct {
	// Program is the folder of a Go program that listens on the port PORT of the address LISTEN_HOST, which are
	// environment variables. Empty: the stand-in runs.
	Program string
	// Env is what the image sets besides. A path under a mount's target becomes the place where that mount really is.
	Env map[string]string
	// CountFile is the file under a mount that the service keeps its count of connections in. Empty: there is none.
	CountFile string
	// Zones are the availability zones of the instances. Empty: two of the ledger's region.
	Zones []string
}

// Environment declares an environment of a service, and the rules of deploying to it.
type Environment struct {
	// Fleet is where the instances come from: fleet.File, or infra.Fleet for what Terraform made. It has no default.
	Fleet fleet.Source
	// Policy changes the default policy, in the form of [rollout.ParsePolicy], such as "rollback=true batch=2".
	Policy string
	// CommitOnly allows only tags that are a full commit SHA.
	CommitOnly bool
	// Confirm makes Options.Confirm be called before anything is touched.
	Confirm bool
	// PromotedFrom is the environment that a release has run in before it comes here. The tag has to name the image
	// that the history there names under the same commit. Empty: this is not compared.
	PromotedFrom string
	// Tag is the image tag that names what the environment runs, so that the first boot of a new instance pulls it. A
	// deploy moves it. Empty: deployed-NAME, with the environment's name.
	Tag string
	// Jump are the hosts that SSH connections go through, in the form of ssh -J, and ProxyCommand is a command that
	// carries them instead. Empty: connections are direct.
	Jump, ProxyCommand string
	// OldLedgerKey is the key under which programs before version 2 of the ledger kept this environment. The first run
	// moves it. Empty: there was none.
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

// Validate returns one error for everything that is wrong with the declaration.
func (s Service) Validate() error {
	var faults []error
	if !serviceName.MatchString(s.Name) {
		faults = append(faults, fmt.Errorf("name %q: want lower-case letters, digits and hyphens", s.Name))
	}
	filled := s.WithDefaults()
	if err := filled.Container.Validate(); err != nil {
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

// validate returns what is wrong with one environment.
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

// EnvironmentNames are the names of the environments, sorted.
func (s Service) EnvironmentNames() []string { return slices.Sorted(maps.Keys(s.Environments)) }

// Environment returns the environment of that name with its empty fields filled in, and an ErrUsage if there is none.
func (s Service) Environment(name string) (Environment, error) {
	e, known := s.WithDefaults().Environments[name]
	if !known {
		return e, usage("unknown environment %q: want one of %s", name, strings.Join(s.EnvironmentNames(), ", "))
	}
	return e, nil
}

// CheckTag returns an ErrUsage if the environment may not run an image of that tag.
func (s Service) CheckTag(environment, tag string) error {
	e, err := s.Environment(environment)
	if err == nil && e.CommitOnly && !commitSHA.MatchString(tag) {
		err = usage("%s takes the full commit SHA of an image that CI pushed (40 hex digits), not %q", environment, tag)
	}
	return err
}

// key is the environment's key in the ledger.
func (s Service) key(environment string) string { return s.Name + "/" + environment }
