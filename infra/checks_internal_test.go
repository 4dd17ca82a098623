package infra

import (
	"context"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The plan has no row for a rule that was added by hand.
func TestAFailedCheckOfTheSecurityGroupsIsDrift(t *testing.T) {
	plan := planOf(recorded(t, "opened"))
	require.Len(t, plan.Changes, 1, "%v", plan.Changes)
	opened := plan.Changes[0]
	assert.Equal(t, securityGroups, opened.Address)
	assert.Equal(t, Drift, opened.Kind)
	assert.Equal(t, plan.Changes, plan.Unsettled())

	err := (&Gate{}).answer(plan)
	require.ErrorIs(t, err, ErrDrift)
	assert.NotContains(t, err.Error(), "\n")
	assert.ErrorContains(t, err, "dev is not as its Terraform configuration says: drift: check.security_groups (failed: ")
	assert.ErrorContains(t, err, "remove the security group rule that check.security_groups names by hand, or add it to the code")
	assert.NotContains(t, err.Error(), "infra:apply", "an apply does not settle it")
	require.NoError(t, plan.Apply(context.Background()), "there is nothing to apply")
}

// Without the permission to read the rules the check finds no rule that was added.
func TestACheckThatCouldNotBeEvaluatedNamesNoRule(t *testing.T) {
	read := recorded(t, "opened")
	for n := range read.Checks {
		if read.Checks[n].Address.ToDisplay == securityGroups {
			read.Checks[n].Status, read.Checks[n].Instances = tfjson.CheckStatusError, nil
		}
	}
	plan := planOf(read)
	assert.Equal(t, plan.Changes, plan.Unsettled())
	err := (&Gate{}).answer(plan)
	require.ErrorIs(t, err, ErrDrift)
	assert.ErrorContains(t, err, "check.security_groups (not evaluated: ")
	assert.ErrorContains(t, err, "see with go tool mage infra:plan dev why")
	assert.NotContains(t, err.Error(), "remove the security group rule")
}

func TestAnyOtherFailedCheckWarns(t *testing.T) {
	plan := planOf(recorded(t, "nobody-logs-in"))
	plan.Changes = nil // the keys are in user data too
	gate := &Gate{}
	require.NoError(t, gate.answer(plan))
	require.Len(t, gate.Remarks(), 1)
	assert.Contains(t, gate.Remarks()[0], "WARNING Terraform's check.somebody_can_log_in: ssh_authorized_keys is empty")
}

func TestTheChecksOfAPlan(t *testing.T) {
	check := func(name string, status tfjson.CheckStatus) tfjson.CheckResultStatic {
		return tfjson.CheckResultStatic{Address: tfjson.CheckStaticAddress{Kind: tfjson.CheckKindCheckBlock, ToDisplay: "check." + name}, Status: status}
	}
	condition := tfjson.CheckResultStatic{Address: tfjson.CheckStaticAddress{Kind: tfjson.CheckKindResource, ToDisplay: securityGroups}, Status: tfjson.CheckStatusFail}
	for name, c := range map[string]struct {
		check           tfjson.CheckResultStatic
		drift, warnings int
	}{
		"passed":               {check("security_groups", tfjson.CheckStatusPass), 0, 0},
		"failed":               {check("security_groups", tfjson.CheckStatusFail), 1, 0},
		"could not be read":    {check("security_groups", tfjson.CheckStatusError), 1, 0},
		"known after an apply": {check("security_groups", tfjson.CheckStatusUnknown), 0, 1},
		"another failed":       {check("certificate", tfjson.CheckStatusFail), 0, 1},
		"another unknown":      {check("certificate", tfjson.CheckStatusUnknown), 0, 0},
		"a condition":          {condition, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			drift, warnings := checksOf(&tfjson.Plan{Checks: []tfjson.CheckResultStatic{c.check}})
			assert.Len(t, drift, c.drift)
			assert.Len(t, warnings, c.warnings)
		})
	}
}

// A plan that changes outputs alone does not pass for one that changes nothing.
func TestAChangedOutputIsNotApplied(t *testing.T) {
	err := (&Gate{}).answer(planOf(recorded(t, "output")))
	require.ErrorIs(t, err, ErrNotApplied)
	assert.ErrorContains(t, err, "not applied: output.alarms (update): look with go tool mage infra:plan dev, settle it with go tool mage infra:apply dev, or")
}

func TestWhatOnlyOneByOneSettlesNamesIt(t *testing.T) {
	err := (&Gate{}).answer(planOf(recorded(t, "type")))
	assert.ErrorContains(t, err, "settle it with go tool mage infra:apply dev -oneByOne, or")
	err = (&Gate{}).answer(planOf(recorded(t, "one-less")))
	assert.ErrorContains(t, err, "settle it with go tool mage infra:apply dev, or")
}

// Terraform never reads a write-only value: its version is all that moves.
func TestAParameterThatWasWrittenByHandIsDrift(t *testing.T) {
	plan := planOf(recorded(t, "parameter"))
	require.ErrorIs(t, (&Gate{EnvSeal: "any"}).answer(plan), ErrDrift)
	assert.Equal(t, []string{envParameter}, plan.unsettled())
	assert.Empty(t, planOf(recorded(t, "parameter-settled")).unsettled())
	assert.Empty(t, planOf(recorded(t, "parameter-after")).Changes, "after the apply")
}
