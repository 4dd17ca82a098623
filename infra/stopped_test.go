package infra_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAStoppedInstanceIsNotReplacedForItsPublicAddress plans the real configuration, with the real provider, against
// AWS responses for a stopped instance: its network interface has no public address.
func TestAStoppedInstanceIsNotReplacedForItsPublicAddress(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it takes half a minute of terraform")
	}
	withProvider(t)
	aws := newReader(t)
	var running string
	require.NoError(t, json.Unmarshal(aws.answers["ec2:DescribeInstances"], &running))
	stopped := strings.ReplaceAll(running, "<code>16</code><name>running</name>", "<code>80</code><name>stopped</name>")
	require.NotEqual(t, running, stopped)
	require.NotContains(t, stopped, "<association>")
	var err error
	aws.answers["ec2:DescribeInstances"], err = json.Marshal(stopped)
	require.NoError(t, err)

	var plan tfjson.Plan
	require.NoError(t, json.Unmarshal(planAgainst(t, "dev", aws), &plan))
	for _, row := range plan.ResourceChanges {
		if row.Address != `aws_instance.service["growl-backend-dev-1"]` {
			continue
		}
		before, _ := row.Change.Before.(map[string]any)
		require.Equal(t, "stopped", before["instance_state"])
		require.Equal(t, false, before["associate_public_ip_address"], "the provider reads a stopped instance so")
		assert.NotContains(t, fmt.Sprint(row.Change.ReplacePaths), "associate_public_ip_address")
		return
	}
	t.Fatal("the plan has no row of the instance")
}
