package infra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
}

// Name is "drift".
func (g *Gate) Name() string { return "drift" }

// Check plans and refuses with a *DriftError.
func (g *Gate) Check(ctx context.Context) error {
	g.tolerated = nil
	if g.Skip {
		return nil
	}
	plan, err := g.Environment.look(ctx)
	if err != nil {
		return err
	}
	refused := g.judge(plan.Changes)
	if err := plan.Close(); err != nil {
		return err
	}
	if len(refused) > 0 {
		return &DriftError{Environment: g.Environment.name, Changes: refused}
	}
	return nil
}

// Tolerated are the changes that the last Check let pass.
func (g *Gate) Tolerated() []Change { return g.tolerated }

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
// alone, and of their attachments.
func (g *Gate) reseeded(changes []Change) []string {
	var addresses, ids []string
	for _, c := range changes {
		if g.EnvSeal != "" && g.explains(c) {
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

// explains reports whether the seal explains the whole change: the env file's tag
// becomes the seal, and with it only the user data moves. A changed first boot
// moves a tag of its own.
func (g *Gate) explains(c Change) bool {
	if c.Type != typeInstance || c.Kind == Drift || c.Action != Replace && c.Action != Update {
		return false
	}
	tags := object(object(c.row.Change.After)["tags"])
	if tags[envTag] != string(g.EnvSeal) || !slices.Contains(c.Attributes, "user_data") {
		return false
	}
	return !slices.ContainsFunc(c.Attributes, func(name string) bool {
		return name != "user_data" && name != "tags."+envTag && name != "tags_all."+envTag
	}) && !slices.ContainsFunc(c.replacedFor(), func(name string) bool { return name != "user_data" })
}

// envTag is the instances' tag that holds the seal of their env file.
const envTag = "env-sha256"

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

// ErrDrift and ErrNotApplied tell by errors.Is what is in a DriftError.
var (
	ErrDrift      = errors.New("AWS was changed by hand")
	ErrNotApplied = errors.New("the code was changed and not applied")
)

// DriftError refuses a run: AWS is not as the code says.
type DriftError struct {
	Environment string
	Changes     []Change
}

// Error names every change by who made it, and the command that settles it.
func (d *DriftError) Error() string {
	var parts []string
	for _, kind := range []Kind{Drift, NotApplied} {
		var told []string
		for _, c := range d.Changes {
			if c.Kind == kind {
				told = append(told, c.String())
			}
		}
		if len(told) > 0 {
			parts = append(parts, string(kind)+": "+strings.Join(told, ", "))
		}
	}
	return fmt.Sprintf("%s is not as its Terraform configuration says: %s: look with go tool mage infra:plan %[1]s, settle it with go tool mage infra:apply %[1]s, or change the code to what is there", d.Environment, strings.Join(parts, "; "))
}

// Is matches ErrDrift and ErrNotApplied.
func (d *DriftError) Is(target error) bool {
	return slices.ContainsFunc(d.Changes, func(c Change) bool {
		return target == ErrDrift && c.Kind == Drift || target == ErrNotApplied && c.Kind == NotApplied
	})
}
