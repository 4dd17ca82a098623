package infra

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-exec/tfexec"
	tfjson "github.com/hashicorp/terraform-json"

	"github.com/growl-dev/deploy/rollout"
)

// Swap takes one instance out of service, calls apply, which replaces it and returns the new instance's ID, and puts
// the new instance into service. The engine provides both ends: it drains before apply and joins after it. If apply fails
// and the old instance is gone, the error wraps [rollout.ErrGone].
type Swap func(ctx context.Context, old Taken, apply func(context.Context) (id string, err error)) error

// OneByOne replaces instances in turn, each after Swap has returned for the one before, and stops at the first error.
// It applies only the instances and their registrations; the rest of a plan needs a Plan and an Apply after it.
func (e *Environment) OneByOne(ctx context.Context, instances []Taken, swap Swap) error {
	for _, taken := range instances {
		if taken.Address == "" {
			return fmt.Errorf("replace %s: it is not in this configuration", taken.ID)
		}
		replace := func(ctx context.Context) (string, error) { return e.replace(ctx, taken) }
		if err := swap(ctx, taken, replace); err != nil {
			return fmt.Errorf("replace %s (%s): %w", taken.Address, taken.ID, err)
		}
	}
	return nil
}

// replace applies the replacement of one instance and of its registrations.
func (e *Environment) replace(ctx context.Context, taken Taken) (id string, err error) {
	if err := e.ready(ctx, false); err != nil {
		return "", err
	}
	options := []tfexec.PlanOption{tfexec.Replace(taken.Address), tfexec.Target(taken.Address)}
	for _, attachment := range taken.Attachments {
		options = append(options, tfexec.Target(attachment))
	}
	plan, err := e.settling(ctx, options...)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	if err := plan.AllowedInTurn(); err != nil {
		return "", err
	}
	// The plan includes the resources that the instance depends on. They must not take other instances down.
	if others := plan.takesBesides(taken.ID); len(others) > 0 {
		return "", fmt.Errorf("the plan for it takes %v out of service too: %w", others, ErrTogether)
	}
	if err := plan.apply(ctx); err != nil {
		return "", goneAfter(context.WithoutCancel(ctx), e, taken, err)
	}
	id, err = e.idOf(ctx, taken.Address)
	if err == nil && id == "" {
		err = fmt.Errorf("read the state of %s: it has no %s after the apply", e.name, taken.Address)
	}
	return id, err
}

// goneAfter returns the error of an apply, which wraps [rollout.ErrGone] if the instance is not in the state any more.
// Terraform keeps an instance there that it could not destroy.
func goneAfter(ctx context.Context, e *Environment, taken Taken, err error) error {
	if id, unread := e.idOf(ctx, taken.Address); unread == nil && id != taken.ID {
		return fmt.Errorf("%w: %w", rollout.ErrGone, err)
	}
	return err
}

func (p *Plan) takesBesides(id string) []string {
	return slices.DeleteFunc(p.takenIDs(), func(other string) bool { return other == id })
}

// idOf reads a resource's ID from the state; empty if it is not there.
func (e *Environment) idOf(ctx context.Context, address string) (string, error) {
	state, err := e.quiet.Show(ctx)
	if err != nil {
		return "", e.failed("read the state of", err)
	}
	if state.Values == nil {
		return "", nil
	}
	return idIn(state.Values.RootModule, address), nil
}

func idIn(module *tfjson.StateModule, address string) string {
	if module == nil {
		return ""
	}
	for _, resource := range module.Resources {
		if resource.Address == address {
			id, _ := resource.AttributeValues["id"].(string)
			return id
		}
	}
	for _, child := range module.ChildModules {
		if id := idIn(child, address); id != "" {
			return id
		}
	}
	return ""
}
