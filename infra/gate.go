package infra

import (
	"context"
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

var _ rollout.Gate = (*Gate)(nil)

// Gate refuses a run if the environment differs from its code. It only reads and takes no lock, so that a locked state
// does not block it.
type Gate struct {
	// Environment is the environment to check.
	Environment *Environment
	// Skip makes Check succeed without a comparison. The caller reports that.
	Skip bool
	// InFlight are the IDs of instances that the journal of an unfinished run names. The targets that such a run
	// deregistered are put back by recovery and are not drift.
	InFlight []string
	// EnvSeal accepts the change of user data that this seal of the env file explains, and no other change. Empty: none
	// is accepted.
	EnvSeal Seal

	tolerated []Change
	remarks   []string
}

// Name returns "drift".
func (g *Gate) Name() string { return "drift" }

// Check first compares the env file with its seal, because a plan made with another file would report a difference in
// AWS. Then it plans, and returns a *DriftError if anything differs.
func (g *Gate) Check(ctx context.Context) error {
	g.tolerated, g.remarks = nil, nil
	if g.Skip {
		return nil
	}
	if err := g.Environment.CheckEnvFile(nil); err != nil {
		return err
	}
	plan, err := g.Environment.planReadOnly(ctx)
	if err != nil {
		return err
	}
	if err := plan.Close(); err != nil {
		return err
	}
	return g.answer(plan)
}

func (g *Gate) answer(plan *Plan) error {
	for _, text := range plan.Warnings {
		g.remarks = append(g.remarks, "WARNING Terraform's "+text)
	}
	refused := g.judge(plan.Changes)
	if len(refused) == 0 {
		return nil
	}
	_, together := plan.together()
	return &DriftError{Environment: plan.environment.name, Changes: refused, OneByOne: len(together) > 0}
}

// Tolerated returns the changes that the last Check accepted.
func (g *Gate) Tolerated() []Change { return g.tolerated }

// Remarks returns the check blocks that failed in the last Check but do not refuse the run.
func (g *Gate) Remarks() []string { return g.remarks }

func (g *Gate) judge(changes []Change) (refused []Change) {
	reseeded := g.reseeded(changes)
	for _, c := range changes {
		if g.leftOut(c) || slices.Contains(reseeded, c.Address) {
			g.tolerated = append(g.tolerated, c)
			continue
		}
		refused = append(refused, c)
	}
	return refused
}

const (
	typeInstance   = "aws_instance"
	typeAttachment = "aws_lb_target_group_attachment"
	typeGroup      = "aws_lb_target_group"
)

// leftOut reports whether the change is an attachment that an unfinished run removed from its group.
func (g *Gate) leftOut(c Change) bool {
	if c.Type != typeAttachment || !c.Gone || c.Action != Create {
		return false
	}
	target, _ := object(c.row.Change.After)["target_id"].(string)
	return slices.Contains(g.InFlight, target)
}

// reseeded returns the addresses of the instances whose user data differs by the env file alone, of their attachments,
// and of the parameter that holds the file.
func (g *Gate) reseeded(changes []Change) []string {
	var addresses, ids []string
	for _, c := range changes {
		switch {
		case g.EnvSeal == "":
		case g.rewrites(c):
			addresses = append(addresses, c.Address)
		case g.explains(c):
			addresses = append(addresses, c.Address)
			id, _ := object(c.row.Change.Before)["id"].(string)
			ids = append(ids, id)
		}
	}
	for _, c := range changes {
		target, _ := object(rowBefore(c))["target_id"].(string)
		if c.Type == typeAttachment && c.Action == Replace && slices.Contains(ids, target) && slices.Equal(c.replacedFor(), []string{"target_id"}) {
			addresses = append(addresses, c.Address)
		}
	}
	return addresses
}

// explains reports whether the seal explains the whole change of an instance: the env file's tag becomes the seal, and
// only the user data changes with it. A changed first boot script changes a tag of its own.
func (g *Gate) explains(c Change) bool {
	if c.Type != typeInstance || c.Action != Replace && c.Action != Update {
		return false
	}
	return g.sealed(c, "user_data") && slices.Contains(c.Attributes, "user_data") &&
		!slices.ContainsFunc(c.replacedFor(), func(name string) bool { return name != "user_data" })
}

// rewrites reports whether the change sets the parameter with the env file to the sealed one.
func (g *Gate) rewrites(c Change) bool {
	return c.Address == envParameter && c.Action == Update && g.sealed(c, "value_wo_version")
}

// sealed reports whether the code changes nothing but the env file's tag, to the seal, and one other attribute.
func (g *Gate) sealed(c Change, other string) bool {
	tags := object(object(c.row.Change.After)["tags"])
	return c.Kind == NotApplied && tags[envTag] == string(g.EnvSeal) &&
		!slices.ContainsFunc(c.Attributes, func(name string) bool { return name != other && name != "tags."+envTag })
}

const (
	// envTag is the instances' tag that holds the seal of their env file.
	envTag = "env-sha256"
	// envParameter is the parameter that first boot reads the env file from.
	envParameter = "aws_ssm_parameter.env"
)

// replacedFor names the attributes that force a replacement.
func (c Change) replacedFor() []string {
	var names []string
	for _, path := range c.row.Change.ReplacePaths {
		if steps, ok := path.([]any); ok && len(steps) > 0 {
			names = append(names, fmt.Sprint(steps[0]))
		}
	}
	return names
}

func rowBefore(c Change) any {
	if c.row == nil || c.row.Change == nil {
		return nil
	}
	return c.row.Change.Before
}
