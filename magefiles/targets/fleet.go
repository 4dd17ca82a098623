package targets

import (
	"context"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/infra"
)

// terraformDir is where the infrastructure's code is, from the repository's root.
const terraformDir = "growl-backend/terraform"

// fleet is what the environment is made of: Terraform's outputs, together with
// the environment they are from; or a file's, for a fleet that Terraform did
// not make.
func (s settings) fleet(ctx context.Context) (fleet.Fleet, *infra.Environment, error) {
	if s.Fleet != "" {
		outputs, err := fleet.File(s.Fleet).Fleet(ctx, s.Environment)
		return outputs, nil, err
	}
	environment, err := openInfra(s.Environment)
	if err != nil {
		return fleet.Fleet{}, nil, err
	}
	outputs, err := environment.Outputs(ctx)
	return outputs, environment, err
}

// openInfra opens an environment's Terraform configuration.
func openInfra(name string) (*infra.Environment, error) {
	return infra.Open(infra.Options{
		Environment: name, Dir: terraformDir, Bucket: stateBucket(),
		EnvFile: infra.ConventionalEnvFile("", name), Show: stdout(),
	})
}

// openShared opens the Terraform configuration of what all environments share. There is one of it in an account, so it
// has no workspace of its own.
func openShared() (*infra.Environment, error) {
	return infra.Open(infra.Options{
		Environment: sharedState, Workspace: "default", Dir: terraformDir + "/shared", Bucket: stateBucket(), Show: stdout(),
	})
}
