package growl_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
)

// TestATargetGroupOfAnotherDeclarationIsRefused checks that a plan is refused like the run, that nothing is changed,
// and that the remedy in the error releases the group.
func TestATargetGroupOfAnotherDeclarationIsRefused(t *testing.T) {
	needTime(t)
	t.Parallel()
	s := newStack(t, "-instances=2")
	others, err := ledger.Open(s.store(t), "orders/live", ledger.Options{})
	require.NoError(t, err)
	require.NoError(t, others.Claim(t.Context(), s.fleet.TargetGroups, ledger.Holder{RunID: "run-1", Owner: "ann"}))
	before := s.inspect(t)
	for _, args := range [][]string{append(s.deploy(s.vars["V2"]), "-dryRun"), s.deploy(s.vars["V2"]), s.operate("resume")} {
		last := s.refuses(nil, args...)
		assert.Contains(t, last, "target group "+s.fleet.TargetGroups[0]+" belongs to orders/live, claimed on ")
		assert.Contains(t, last, "to hand over to growl-backend/dev, first stop using the target group there, and then delete its claim: `aws s3 rm s3://"+defaultBucket+"/ledger/claims/us-west-1.")
	}
	assert.Equal(t, before, s.inspect(t))
	status, err := s.ledger(t).Current(t.Context())
	require.NoError(t, err)
	assert.Nil(t, status.Lease, "a lease was kept")

	s.handOver()
	s.ok(s.deploy(s.vars["V2"])...)
	require.ErrorIs(t, others.CheckClaims(t.Context(), s.fleet.TargetGroups), ledger.ErrClaimed)
}
