package infra

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// Kind is the side on which a difference arose.
type Kind string

const (
	// Drift: AWS was changed, and differs from the code.
	Drift Kind = "drift"
	// NotApplied: the code was changed, and the change has not been applied to AWS.
	NotApplied Kind = "not applied"
)

// Action is what an apply would do to a resource.
type Action string

// The actions of a plan that change something.
const (
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace"
	Delete  Action = "delete"
	Forget  Action = "forget"
	Import  Action = "import"
	// CheckFailed is a failed check of the security groups. An apply does not end it.
	CheckFailed Action = "failed"
	// CheckUnread is a check of the security groups that Terraform could not evaluate, for example without the
	// permission to read the rules. An apply does not end it.
	CheckUnread Action = "not evaluated"
)

// Change is a difference between AWS and the code: a resource or an output that an apply would change, or a failed
// check of the security groups.
type Change struct {
	// Address is the address of the resource in the configuration; output.NAME for an output.
	Address string
	// Type is the type of the resource, such as aws_instance, or output, or check.
	Type   string
	Kind   Kind
	Action Action
	// Attributes are the names of the attributes that differ, never their values. There are none if the resource is
	// created or deleted.
	Attributes []string
	// Gone is set if the resource was removed from AWS outside Terraform.
	Gone bool
	// Problem is the message of a failed check.
	Problem string

	row *tfjson.ResourceChange
}

// String names the resource, the action and the attributes.
func (c Change) String() string {
	switch {
	case c.Gone:
		return c.Address + " (gone)"
	case c.Problem != "":
		return fmt.Sprintf("%s (%s: %s)", c.Address, c.Action, c.Problem)
	case len(c.Attributes) == 0:
		return fmt.Sprintf("%s (%s)", c.Address, c.Action)
	default:
		return fmt.Sprintf("%s (%s: %s)", c.Address, c.Action, strings.Join(c.Attributes, ", "))
	}
}

// settled reports whether an apply ends the difference.
func (c Change) settled() bool { return c.Action != CheckFailed && c.Action != CheckUnread }

// replacesGroup reports whether an apply would replace a target group, which is always refused.
func (c Change) replacesGroup() bool { return c.Type == typeGroup && c.Action == Replace }

// changesOf returns the changes in a plan. Terraform's list of drift also has harmless entries, for example right after
// a first apply, so that only differences count that an apply would change.
func changesOf(plan *tfjson.Plan) []Change {
	drifted := map[string]*tfjson.ResourceChange{}
	for _, row := range plan.ResourceDrift {
		if row != nil {
			drifted[row.Address] = row
		}
	}
	var changes []Change
	for _, row := range plan.ResourceChanges {
		if action, ok := actionOf(row); ok {
			changes = append(changes, changeOf(row, action, drifted[row.Address]))
		} else if row != nil && rewritten(drifted[row.Address]) {
			changes = append(changes, parameterChange(row))
		}
	}
	checks, _ := checksOf(plan)
	return slices.Concat(changes, outputsOf(plan), checks)
}

// outputsOf returns the outputs whose known values an apply would change. The value of an output that follows from a
// resource is not known before.
func outputsOf(plan *tfjson.Plan) []Change {
	var changes []Change
	for _, name := range slices.Sorted(maps.Keys(plan.OutputChanges)) {
		change := plan.OutputChanges[name]
		if change == nil || change.Actions.NoOp() || agree(change.Before, change.After, change.AfterUnknown) && !change.Actions.Create() && !change.Actions.Delete() {
			continue
		}
		c := Change{Address: "output." + name, Type: "output", Kind: NotApplied, Action: Update}
		switch {
		case change.Actions.Create():
			c.Action = Create
		case change.Actions.Delete():
			c.Action = Delete
		}
		changes = append(changes, c)
	}
	return changes
}

// actionOf returns the action of a row; ok is false for a row that changes nothing.
func actionOf(row *tfjson.ResourceChange) (action Action, ok bool) {
	if row == nil || row.Mode != tfjson.ManagedResourceMode || row.Change == nil {
		return "", false
	}
	switch actions := row.Change.Actions; {
	case actions.Create():
		return Create, true
	case actions.Update():
		return Update, true
	case actions.Replace():
		return Replace, true
	case actions.Delete():
		return Delete, true
	case row.Change.Importing != nil && actions.NoOp():
		return Import, true
	case actions.NoOp(), actions.Read():
		return "", false
	default:
		return Forget, true
	}
}

func changeOf(row *tfjson.ResourceChange, action Action, drift *tfjson.ResourceChange) Change {
	c := Change{Address: row.Address, Type: row.Type, Kind: NotApplied, Action: action, row: row}
	if action == Update || action == Replace {
		c.Attributes = differing(row.Change)
	}
	if rewritten(drift) {
		return parameterChange(row)
	}
	if drift == nil || drift.Change == nil {
		return c
	}
	if drift.Change.Actions.Delete() {
		c.Kind, c.Gone = Drift, true
		return c
	}
	// AWS may have changed one attribute and the code another.
	moved := differing(drift.Change)
	if slices.ContainsFunc(c.Attributes, func(name string) bool { return slices.Contains(moved, name) }) {
		c.Kind = Drift
	}
	return c
}
