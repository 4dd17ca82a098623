package infra

import (
	tfjson "github.com/hashicorp/terraform-json"
)

const typeParameter = "aws_ssm_parameter"

// rewritten reports whether a row of the plan's drift is a parameter that was
// written since the last apply. Terraform never reads a write-only value, so that
// the parameter's version, which each write moves, is all that shows it: the plan
// changes nothing.
func rewritten(drift *tfjson.ResourceChange) bool {
	if drift == nil || drift.Type != typeParameter || drift.Mode != tfjson.ManagedResourceMode || drift.Change == nil {
		return false
	}
	before, after := object(drift.Change.Before), object(drift.Change.After)
	return before != nil && after != nil && !same(before["version"], after["version"])
}

// parameterChange is the change of a rewritten parameter: what an apply does to it
// if there is something else to change, else a replacement, which [Environment.Plan]
// asks Terraform for.
func parameterChange(row *tfjson.ResourceChange) Change {
	action, changes := actionOf(row)
	if !changes {
		action = Replace
	}
	return Change{Address: row.Address, Type: row.Type, Kind: Drift, Action: action, Attributes: []string{"value"}, row: row}
}

// unsettled are the addresses of rewritten parameters that the plan leaves as they
// are.
func (p *Plan) unsettled() []string {
	var addresses []string
	for _, c := range p.Changes {
		if _, changes := actionOf(c.row); c.Type == typeParameter && !changes {
			addresses = append(addresses, c.Address)
		}
	}
	return addresses
}
