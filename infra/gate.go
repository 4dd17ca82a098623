package infra

import (
	"context"
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/rollout"
)

var _ rollout.Gate = (*Gate)(nil)

// Gate refuses a run over an environment that is not as its code says. It only
// reads: it takes no lock, so a locked state does not block it.
type Gate struct {
	// Environment is what is compared.
	Environment *Environment
	// Skip lets everything pass without looking. The caller reports it.
	Skip bool
	// InFlight are IDs of instances that the journal of a dead run names. What that
	// run took out of the target groups is recovery's to put back, and no drift.
	InFlight []string
	// EnvSeal lets the change of user data pass that this seal of the env file
	// explains, and nothing besides. Empty: none passes.
	EnvSeal Seal

	tolerated []Change
	remarks   []string
}

// Name is "drift".
func (g *Gate) Name() string { return "drift" }

// Check compares the env file with its seal first, because a plan made with another
// file blames AWS for it. Then it plans, and refuses with a *DriftError.
func (g *Gate) Check(ctx context.Context) error {
	g.tolerated, g.remarks = nil, nil
	if g.Skip {
		return nil
	}
	if err := g.Environment.CheckEnvFile(nil); err != nil {
		return err
	}
	plan, err := g.Environment.look(ctx)
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

// Tolerated are the changes that the last Check let pass.
func (g *Gate) Tolerated() []Change { return g.tolerated }

// Remarks are the check blocks that failed in the last Check and refuse nothing.
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

// leftOut reports an attachment that a dead run of ours took out of its group.
func (g *Gate) leftOut(c Change) bool {
	if c.Type != typeAttachment || !c.Gone || c.Action != Create {
		return false
	}
	target, _ := object(c.row.Change.After)["target_id"].(string)
	return slices.Contains(g.InFlight, target)
}

// reseeded are the addresses of instances whose user data differs by the env file
// alone, of their attachments, and of the parameter that holds the file.
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

// explains reports whether the seal explains the whole change of an instance: the
// env file's tag becomes the seal, and with it only the user data moves. A changed
// first boot moves a tag of its own.
func (g *Gate) explains(c Change) bool {
	if c.Type != typeInstance || c.Action != Replace && c.Action != Update {
		return false
	}
	return g.sealed(c, "user_data") && slices.Contains(c.Attributes, "user_data") &&
		!slices.ContainsFunc(c.replacedFor(), func(name string) bool { return name != "user_data" })
}

// rewrites reports whether the change is that of the parameter which holds the env
// file, to the sealed one.
func (g *Gate) rewrites(c Change) bool {
	return c.Address == envParameter && c.Action == Update && g.sealed(c, "value_wo_version")
}

// sealed reports whether the code's change of the env file's tag to the seal, and of
// one other attribute, is all that differs.
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
