package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/tftest"
)

const terraformDir = "growl-backend/terraform"

// terraform has the real Terraform keep the fleet's target group: applied,
// deployed to, changed by hand, refused, settled, deployed to again, two hosts at
// a time. Every deploy has passed the gate: there was no drift.
func (f *fleet) terraform(t *testing.T) {
	f.underTerraform(t)
	f.atOnce(2)
	f.publish(t, "v2")
	f.publish(t, "v3")
	part(t, "applied", func(t *testing.T) {
		f.succeeds(t, "env:seal")
		f.succeeds(t, "infra:apply", "dev")
	})
	part(t, "deployed", func(t *testing.T) { f.rollsOut(t, "v2") })
	part(t, "changed by hand and refused", func(t *testing.T) {
		requireNoneFailed(t, f.load(t, func() {
			f.changeByHand(t)
			r := f.deploy(t, "v3")
			require.Equal(t, 1, r.end(t))
			assert.Contains(t, r.said(), `drift: aws_lb_target_group.service (update: deregistration_delay), aws_lb_target_group_attachment.service["growl-backend-3"] (gone)`)
			assert.Contains(t, r.said(), "go tool mage infra:apply dev")
			f.requireUntouched(t, r)
		}))
	})
	part(t, "settled", func(t *testing.T) {
		f.succeeds(t, "infra:apply", "dev")
		f.awaitInService(t)
		f.assertServes(t, "v2")
	})
	part(t, "deployed again", func(t *testing.T) { f.rollsOut(t, "v3") })
}

// succeeds runs a target to its end.
func (f *fleet) succeeds(t *testing.T, args ...string) {
	t.Helper()
	r := f.start(t, nil, args...)
	require.Zero(t, r.end(t), "%v: %s", args, r.said())
}

// underTerraform makes a checkout whose Terraform describes the fleet, and takes
// the fleet file away: from here on the fleet is what Terraform's outputs say.
func (f *fleet) underTerraform(t *testing.T) {
	t.Helper()
	mirror := tftest.NeedProvider(t)
	f.dir = t.TempDir()
	f.vars = slices.DeleteFunc(f.vars, func(line string) bool { return strings.HasPrefix(line, "FLEET=") })
	f.vars = append(f.vars, "AWS_EC2_METADATA_DISABLED=true", "TF_CLI_CONFIG_FILE="+file(t, "terraformrc", tftest.CLIConfig(mirror)))
	main, err := os.ReadFile("../magefiles/growl/testdata/stack/main.tf")
	require.NoError(t, err)
	env, err := os.ReadFile(f.hosts[0].path("/etc/growl-backend/env"))
	require.NoError(t, err)
	folder := filepath.Join(f.dir, terraformDir)
	require.NoError(t, os.MkdirAll(folder, 0o700))
	for name, text := range map[string]string{"base.tf": tftest.Base, "main.tf": string(main), "terraform-dev.tfvars": f.variables(t), ".env.dev": string(env)} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
}

// variables are the fleet as the configuration's variables.
func (f *fleet) variables(t *testing.T) string {
	t.Helper()
	described := f.env.Fleet
	return tftest.Variables(t, map[string]any{
		"environment": described.Environment, "region": described.Region, "registry_region": described.RegistryRegion,
		"load_balancer": strings.TrimPrefix(f.env.URL, "http://"), "target_group": described.TargetGroups[0], "user": described.User,
		"deregistration_delay": 300, "instances": described.Instances,
	})
}

// changeByHand shortens the group's delay and takes the third host out, as
// somebody at the console does.
func (f *fleet) changeByHand(t *testing.T) {
	t.Helper()
	console, group := elb.NewFromConfig(f.aws(t)), &f.env.Fleet.TargetGroups[0]
	_, err := console.ModifyTargetGroupAttributes(t.Context(), &elb.ModifyTargetGroupAttributesInput{
		TargetGroupArn: group,
		Attributes:     []types.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("10")}},
	})
	require.NoError(t, err)
	_, err = console.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{
		TargetGroupArn: group, Targets: []types.TargetDescription{{Id: &f.hosts[2].ID, Port: aws.Int32(8080)}},
	})
	require.NoError(t, err)
}
