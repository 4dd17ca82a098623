package infra

import (
	"context"
	"errors"
	"io"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/rollout"
)

var _ fleet.Checked = Terraform{}

// Terraform is a source of fleets: one Terraform configuration with an environment in each workspace. The fleet is read
// from its outputs, which have the names of a fleet file's fields. Dir has no default.
type Terraform struct {
	// Dir is the folder of the configuration.
	Dir string
	// Bucket is the S3 bucket of the state, see [Options]. Empty: the configuration names its backend itself.
	Bucket string
	// EnvFiles is set if each environment has an env file and a seal of it, at the places of [ConventionalEnvFile].
	EnvFiles bool
	// Shared is the folder, below Dir, of the configuration that all environments share. Empty: there is none.
	Shared string
	// Parameters is the prefix of the environments' SSM parameters: PARAMETERS/ENVIRONMENT/…. First boot reads an
	// instance's SSH host key there. Empty: there are none.
	Parameters string
	// Show receives Terraform's output of plans and applies, for people. Nil: the output is discarded.
	Show io.Writer
}

// Fleet returns the source of the fleets that the Terraform configuration in a folder makes.
func Fleet(dir string) Terraform { return Terraform{Dir: dir} }

// Open opens an environment of the configuration.
func (t Terraform) Open(environment string) (*Environment, error) {
	o := Options{Environment: environment, Dir: t.Dir, Bucket: t.Bucket, Show: t.Show}
	if t.EnvFiles {
		o.EnvFile = ConventionalEnvFile("", environment)
	}
	return Open(o)
}

// OpenShared opens the configuration that all environments share. An account has one of it, so it has no workspace of
// its own.
func (t Terraform) OpenShared() (*Environment, error) {
	if t.Shared == "" {
		return nil, errors.New("open the infrastructure that environments share: the service declares none (Shared)")
	}
	return Open(Options{Environment: SharedState, Workspace: "default", Dir: t.Dir + "/" + t.Shared, Bucket: t.Bucket, Show: t.Show})
}

// SharedState stands for the shared configuration where an environment's name is expected.
const SharedState = "shared"

// Fleet reads the environment's outputs; see [Environment.Outputs].
func (t Terraform) Fleet(ctx context.Context, environment string) (fleet.Fleet, error) {
	e, err := t.Open(environment)
	if err != nil {
		return fleet.Fleet{}, err
	}
	return e.Outputs(ctx)
}

// Drift returns the [Gate] of the environment.
func (t Terraform) Drift(environment string, o fleet.DriftOptions) (rollout.Gate, error) {
	e, err := t.Open(environment)
	if err != nil {
		return nil, err
	}
	gate := &Gate{Environment: e, InFlight: o.InFlight}
	if o.AllowEnv {
		gate.EnvSeal, err = t.seal(environment)
	}
	return gate, err
}

// Seal reads the seal of the environment's env file.
func (t Terraform) Seal(environment string) (string, error) {
	seal, err := t.seal(environment)
	return string(seal), err
}

func (t Terraform) seal(environment string) (Seal, error) {
	if !t.EnvFiles {
		return "", nil
	}
	return t.EnvFile(environment).ReadSeal()
}

// EnvFile returns the environment's env file and its seal, or the zero value if there is none.
func (t Terraform) EnvFile(environment string) EnvFile {
	if !t.EnvFiles {
		return EnvFile{}
	}
	return ConventionalEnvFile(t.Dir, environment)
}
