package infra

import (
	tfjson "github.com/hashicorp/terraform-json"
)

const typeParameter = "aws_ssm_parameter"

// rewritten reports whether a row of the plan's drift is a parameter that was written since the last apply. Terraform
// never reads a write-only value and plans no change for it, so that the version, which each write increases, is the
// only sign.
func rewritten(drift *tfjson.ResourceChange) bool {
	if drift == nil || drift.Type != typeParameter || drift.Mode != tfjson.ManagedResourceMode || drift.Change == nil {
		return false
	}
	before, after := object(drift.Change.Before), object(drift.Change.After)
	return before != nil && after != nil && !same(before["version"], after["version"])
}

// parameterChange returns the change of a rewritten parameter: the action that the plan has for it, or else a
// replacement, which [Environment.Plan] requests from Terraform.
func parameterChange(row *tfjson.ResourceChange) Change {
	action, changes := actionOf(row)
	if !changes {
		action = Replace
	}
	return Change{Address: row.Address, Type: row.Type, Kind: Drift, Action: action, Attributes: []string{"value"}, row: row}
}

// unsettled returns the addresses of rewritten parameters that the plan leaves unchanged.
func (p *Plan) unsettled() []string {
	var addresses []string
	for _, c := range p.Changes {
		if _, changes := actionOf(c.row); c.Type == typeParameter && !changes {
			addresses = append(addresses, c.Address)
		}
	}
	return addresses
}
