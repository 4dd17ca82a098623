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
	"github.com/growl-dev/deploy/remote/docker"
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
		printf("%s\n", change)
	}
	return nil
}

// Apply makes an environment as the code says; it refuses to take more than one instance of a target group at once.
func (Infra) Apply(ctx context.Context, environment string,
	// replace instances in turn, each drained before and in service again after
	oneByOne *bool,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// changes to the default policy, such as 'drain.min=30s'
	policy *string,
) (err error) {
	defer cleanError(&err)
	e, err := stateOf(environment)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	if set(oneByOne) {
		if err := replaceInTurn(ctx, e, operatorSettings(environment, sshKey, nil, policy)); err != nil {
			return err
		}
	}
	plan, err := e.Plan(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	return plan.Apply(ctx)
}

// Drift refuses, with exit code 1, when an environment is not as its code says: what a deploy asks first.
func (Infra) Drift(ctx context.Context, environment string) (err error) {
	defer cleanError(&err)
	e, err := stateOf(environment)
	if err != nil {
		return err
	}
	if err := (&infra.Gate{Environment: e}).Check(ctx); err != nil {
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
	script, err := infra.RenderFirstBoot(firstBoot(service().WithDefaults()))
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

// firstBoot is the part of the service's spec that first boot needs.
func firstBoot(s docker.Spec) infra.FirstBoot {
	boot := infra.FirstBoot{
		Container: s.Name, ContainerPort: s.ContainerPort, Network: s.Network,
		EnvFile: s.EnvFile, Env: s.Env, User: s.User, Restart: s.Restart,
		LogSize: s.Log.MaxSize, LogFiles: s.Log.MaxFile,
		StopSignal: s.StopSignal, StopGraceSeconds: s.StopGraceSeconds,
		Labels: map[string]string{docker.LabelDrain: s.DrainSignal, docker.LabelUndrain: s.UndrainSignal},
	}
	for _, m := range s.Mounts {
		boot.Mounts = append(boot.Mounts, infra.BindMount{Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
	}
	return boot
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
