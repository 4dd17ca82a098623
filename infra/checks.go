package infra

import (
	"fmt"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// securityGroups is the check block that compares the rules of the security groups in AWS with those in the code. It is
// needed because Terraform does not manage a rule that was added by hand, so that no resource of the plan differs.
const securityGroups = "check.security_groups"

// checksOf returns the results of the plan's check blocks. A check of the security groups that failed, or that could
// not be evaluated, is drift. Any other failed check is a warning.
func checksOf(plan *tfjson.Plan) (drift []Change, warnings []string) {
	for _, check := range plan.Checks {
		if check.Address.Kind != tfjson.CheckKindCheckBlock {
			continue
		}
		address := check.Address.ToDisplay
		switch failed := check.Status == tfjson.CheckStatusFail || check.Status == tfjson.CheckStatusError; {
		case failed && address == securityGroups:
			action := CheckFailed
			if check.Status == tfjson.CheckStatusError {
				action = CheckUnread
			}
			drift = append(drift, Change{Address: address, Type: "check", Kind: Drift, Action: action, Problem: problems(check)})
		case failed:
			warnings = append(warnings, fmt.Sprintf("%s: %s", address, problems(check)))
		case check.Status == tfjson.CheckStatusUnknown && address == securityGroups:
			warnings = append(warnings, address+": it can be evaluated only after an apply")
		}
	}
	return drift, warnings
}

// problems returns a failed check's messages on one line. Terraform does not put the errors of a check that could not
// be evaluated into the plan.
func problems(check tfjson.CheckResultStatic) string {
	var texts []string
	for _, instance := range check.Instances {
		for _, problem := range instance.Problems {
			texts = append(texts, strings.Join(strings.Fields(problem.Message), " "))
		}
	}
	if len(texts) == 0 {
		return "it could not be evaluated: terraform plan prints why"
	}
	return strings.Join(texts, "; ")
}
