package targets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/remote/docker/firstboot"
)

// Infra is the infrastructure of an environment, by Terraform.
type Infra mg.Namespace

// Plan shows what an apply would change in an environment, and who changed it: AWS or the code.
func (Infra) Plan(ctx context.Context, environment string) (err error) {
	defer cleanError(&err)
	e, err := stateOf(environment)
	if err != nil {
		return err
	}
	plan, err := e.Plan(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	if len(plan.Changes) == 0 {
		printf("no changes: %s is as the code says\n", environment)
	}
	for _, change := range plan.Changes {
		printf("%s\n", whose(change))
	}
	warn(plan.Warnings)
	return nil
}

// whose is a change, and who made it.
func whose(change infra.Change) string {
	if change.Kind == infra.Drift {
		return fmt.Sprintf("drift, AWS was changed: %s", change)
	}
	return fmt.Sprintf("not applied, the code was changed: %s", change)
}

// warn prints the failed check blocks of a plan.
func warn(warnings []string) {
	for _, text := range warnings {
		printf("WARNING Terraform's %s\n", text)
	}
}

// Apply makes an environment as the code says; it refuses to take more than one instance of a target group at once.
func (Infra) Apply(ctx context.Context, environment string,
	// replace instances in turn, each drained before and in service again after
	oneByOne *bool,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// changes to the default policy, such as 'drain.min=30s'
	policy *string,
	// apply an env file without a variable
	allowEmptyEnv *bool,
	// do not ask before touching prod or what environments share
	yes *bool,
) (err error) {
	defer cleanError(&err)
	e, err := stateOf(environment)
	if err != nil {
		return err
	}
	if err := e.CheckEnvFile(envFileCheck(allowEmptyEnv)); err != nil {
		return err
	}
	s := operatorSettings(environment, sshKey, nil, policy)
	s.Ask = environment != "dev" && !set(yes)
	ctx, stop := untilSignal(ctx)
	defer stop()
	if err := e.CreateWorkspace(ctx); err != nil {
		return err
	}
	if set(oneByOne) {
		if s, err = replaceInTurn(ctx, e, s); err != nil {
			return err
		}
	}
	return apply(ctx, e, s)
}

// apply applies a plan that somebody agreed to. What an apply leaves as it is makes
// an error, because the environment is still not as its code says.
func apply(ctx context.Context, e *infra.Environment, s settings) (err error) {
	plan, err := e.Plan(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	if err := plan.Allowed(); err != nil {
		return err
	}
	unsettled := plan.Unsettled()
	if len(unsettled) < len(plan.Changes) {
		for _, change := range plan.Changes {
			printf("%s\n", whose(change))
		}
		if err := s.agree(fmt.Sprintf("Apply %d changes to %s?", len(plan.Changes)-len(unsettled), s.Environment)); err != nil {
			return err
		}
	}
	if err := plan.Apply(ctx); err != nil {
		return err
	}
	warn(plan.Warnings)
	if len(unsettled) > 0 {
		return &infra.DriftError{Environment: s.Environment, Changes: unsettled}
	}
	return nil
}

// Drift refuses, with exit code 1, when an environment is not as its code says: what a deploy asks first.
func (Infra) Drift(ctx context.Context, environment string) (err error) {
	defer cleanError(&err)
	e, err := stateOf(environment)
	if err != nil {
		return err
	}
	gate := &infra.Gate{Environment: e}
	err = gate.Check(ctx)
	for _, text := range gate.Remarks() {
		printf("%s\n", text)
	}
	if err != nil {
		return err
	}
	printf("no drift: %s is as the code says\n", environment)
	return nil
}

// Output prints what an environment is made of as JSON: instances, target groups, region, repository.
func (Infra) Output(ctx context.Context, environment string) (err error) {
	defer cleanError(&err)
	e, err := environmentOf(environment)
	if err != nil {
		return err
	}
	outputs, err := e.Outputs(ctx)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(outputs, "", "  ")
	if err != nil {
		return fmt.Errorf("write the outputs: %w", err)
	}
	printf("%s\n", text)
	return nil
}

// Render writes the first-boot script anew from the container's spec that rollouts use.
func (Infra) Render() (err error) {
	defer cleanError(&err)
	script, err := firstboot.Render(service())
	if err != nil {
		return err
	}
	path := filepath.Join(terraformDir, "first-boot.sh")
	if err := os.WriteFile(path, script, 0o755); err != nil {
		return fmt.Errorf("write the first-boot script: %w", err)
	}
	printf("written: %s\n", path)
	return nil
}

func environmentOf(name string) (*infra.Environment, error) {
	if !slices.Contains(environments(), name) {
		return nil, usage("unknown environment %q: want one of %s", name, strings.Join(environments(), ", "))
	}
	return openInfra(name)
}

// sharedState is the name of the state that holds what an account has once.
const sharedState = "shared"

// stateOf opens the Terraform configuration of an environment, or that of what all environments share.
func stateOf(name string) (*infra.Environment, error) {
	if name == sharedState {
		return openShared()
	}
	if !slices.Contains(environments(), name) {
		return nil, usage("unknown environment %q: want one of %s, or %s for what they share", name, strings.Join(environments(), ", "), sharedState)
	}
	return openInfra(name)
}
