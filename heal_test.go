package deploy_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Healing looks at the target groups even if the ledger holds no unfinished run, because an act that was applied late is
// in no journal.
func TestHealNamesWhoDoesNotServe(t *testing.T) {
	t.Parallel()
	p := bringUp(t, "staging", 2)
	operator := p.open(t, orders())
	healed, err := operator.Heal(t.Context())
	require.NoError(t, err)
	assert.Empty(t, healed.Remarks)

	config, err := awsconfig.LoadDefaultConfig(t.Context(), append(p.options.AWS, awsconfig.WithRegion("eu-central-1"))...)
	require.NoError(t, err)
	out := p.Fleet.Instances[0]
	_, err = elbv2.NewFromConfig(config).DeregisterTargets(t.Context(), &elbv2.DeregisterTargetsInput{
		TargetGroupArn: aws.String(p.Fleet.TargetGroups[0]), Targets: []types.TargetDescription{{Id: &out.ID, Port: aws.Int32(9000)}},
	})
	require.NoError(t, err)
	healed, err = operator.Heal(t.Context())
	require.NoError(t, err)
	assert.Empty(t, healed.Outcome, "no run was left unfinished")
	assert.Contains(t, strings.Join(healed.Remarks, "\n"), out.ID)
}
