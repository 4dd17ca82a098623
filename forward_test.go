package deploy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// TestOnlyForwardIsOfDeploysAlone checks that a rollback and its plan ignore OnlyForward.
func TestOnlyForwardIsOfDeploysAlone(t *testing.T) {
	t.Parallel()
	p := bringUp(t, "staging", 2)
	operator := p.open(t, orders())
	for _, tag := range []string{"latest", p.V1} {
		_, err := operator.Deploy(t.Context(), tag)
		require.NoError(t, err)
	}
	p.options.OnlyForward = true
	operator = p.open(t, orders())
	plan, err := operator.PlanRollback(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, rollout.Deployed, plan.Outcome)
	assert.NotContains(t, strings.Join(plan.Remarks, "\n"), "-onlyForward", "commits were compared")
	back, err := operator.Rollback(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, plan.Outcome, back.Outcome)
}

// TestAPlanOfWhatCannotBeCompared ends as the run does.
func TestAPlanOfWhatCannotBeCompared(t *testing.T) {
	t.Parallel()
	p := bringUp(t, "staging", 1)
	p.options.OnlyForward, p.options.SSH.KnownHosts = true, []string{"/dev/null"}
	plan, err := p.open(t, orders()).Plan(t.Context(), p.V2)
	require.ErrorContains(t, err, "-onlyForward: read the releases of the instances")
	assert.Empty(t, plan.Outcome)
	assert.Empty(t, plan.Remarks)
	assert.NotContains(t, err.Error(), "\n")
	result, err := p.open(t, orders()).Deploy(t.Context(), p.V2)
	require.ErrorContains(t, err, "-onlyForward: read the releases of the instances")
	assert.Equal(t, rollout.Refused, result.Outcome)
}
