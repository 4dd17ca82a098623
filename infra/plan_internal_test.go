package infra

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorded returns a plan of growl-backend/terraform that TestRecordPlans made with the real Terraform and AWS
// provider.
func recorded(t testing.TB, name string) *tfjson.Plan {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "plans", name+".json"))
	require.NoError(t, err)
	plan := &tfjson.Plan{}
	require.NoError(t, json.Unmarshal(content, plan))
	return plan
}

const (
	one         = `aws_instance.service["growl-backend-dev-1"]`
	two         = `aws_instance.service["growl-backend-dev-2"]`
	attachedOne = `aws_lb_target_group_attachment.service["growl-backend-dev-1"]`
	attachedTwo = `aws_lb_target_group_attachment.service["growl-backend-dev-2"]`
)

func planOf(read *tfjson.Plan) *Plan {
	_, warnings := checksOf(read)
	return &Plan{json: read, Changes: changesOf(read), Warnings: warnings, environment: &Environment{name: "dev"}}
}

func row(t *testing.T, plan *tfjson.Plan, address string) *tfjson.ResourceChange {
	t.Helper()
	for _, row := range plan.ResourceChanges {
		if row.Address == address {
			return row
		}
	}
	t.Fatalf("no row %s", address)
	return nil
}

func told(changes []Change) []string {
	var told []string
	for _, c := range changes {
		told = append(told, string(c.Kind)+" "+c.String())
	}
	return told
}

func TestChanges(t *testing.T) {
	for name, want := range map[string][]string{
		"applied":         nil,
		"parameter-after": nil,
		"stopped":         nil,
		"drift": {
			"drift aws_lb_target_group.service (update: tags.Name)",
			"drift " + attachedOne + " (gone)",
		},
		"type": {
			"not applied " + one + " (update: instance_type)",
			"not applied " + two + " (update: instance_type)",
		},
		"disk": {
			"not applied " + one + " (update: root_block_device)",
			"not applied " + two + " (update: root_block_device)",
		},
		"env": {
			"not applied " + one + " (replace: tags.env-sha256, user_data)",
			"not applied " + two + " (replace: tags.env-sha256, user_data)",
			"not applied " + attachedOne + " (replace)",
			"not applied " + attachedTwo + " (replace)",
			"not applied aws_ssm_parameter.env (update: tags.env-sha256, value_wo_version)",
		},
		"output":    {"not applied output.alarms (update)"},
		"parameter": {"drift aws_ssm_parameter.env (replace: value)"},
		"parameter-settled": {
			"not applied aws_iam_role_policy.github_plan (update)",
			`not applied aws_iam_role_policy.instance["growl-backend-dev-1"] (update)`,
			`not applied aws_iam_role_policy.instance["growl-backend-dev-2"] (update)`,
			"drift aws_ssm_parameter.env (replace: value)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, want, told(changesOf(recorded(t, name))))
		})
	}
}

// What Terraform calls drift right after a first apply: null became empty.
func TestARefreshedRowIsNoDrift(t *testing.T) {
	refreshed := func() *tfjson.ResourceChange {
		return &tfjson.ResourceChange{Address: one, Mode: tfjson.ManagedResourceMode, Change: &tfjson.Change{
			Actions: tfjson.Actions{tfjson.ActionUpdate},
			Before:  map[string]any{"tags": nil, "ipv6_addresses": nil, "instance_type": "m5.large"},
			After:   map[string]any{"tags": map[string]any{}, "ipv6_addresses": []any{}, "instance_type": "m5.large"},
		}}
	}
	plan := recorded(t, "applied")
	plan.ResourceDrift = append(plan.ResourceDrift, refreshed())
	assert.Empty(t, changesOf(plan))

	plan = recorded(t, "type")
	plan.ResourceDrift = []*tfjson.ResourceChange{refreshed()}
	changes := changesOf(plan)
	require.Len(t, changes, 2)
	assert.Equal(t, NotApplied, changes[0].Kind, "the code moved another attribute")

	plan.ResourceDrift[0].Change.Before = map[string]any{"instance_type": "m5.xlarge"}
	assert.Equal(t, Drift, changesOf(plan)[0].Kind)
}

func TestGateLetsTheDeadRunsAttachmentsPass(t *testing.T) {
	changes := changesOf(recorded(t, "drift"))
	left := object(row(t, recorded(t, "drift"), attachedOne).Change.After)["target_id"].(string)
	for _, c := range []struct {
		name     string
		inFlight []string
		refused  int
	}{
		{"nobody was in flight", nil, 2},
		{"another was", []string{"i-00000000000000002"}, 2},
		{"it was", []string{left}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			gate := &Gate{InFlight: c.inFlight}
			assert.Len(t, gate.judge(changes), c.refused)
			assert.Len(t, gate.Tolerated(), 2-c.refused)
		})
	}
	t.Run("removed from the code", func(t *testing.T) {
		gate := &Gate{InFlight: []string{left}}
		changes := changesOf(recorded(t, "env"))
		assert.Len(t, gate.judge(changes), len(changes), "an attachment that the code changes is no dead run's")
	})
}

func TestGateLetsExactlyTheSealedEnvFilePass(t *testing.T) {
	after := object(row(t, recorded(t, "env"), one).Change.After)
	seal := Seal(object(after["tags"])[envTag].(string))
	judged := func(plan *tfjson.Plan, seal Seal) []string {
		gate := &Gate{EnvSeal: seal}
		var refused []string
		for _, c := range gate.judge(changesOf(plan)) {
			refused = append(refused, c.Address)
		}
		return refused
	}
	assert.Empty(t, judged(recorded(t, "env"), seal), "instances, their registrations and the parameter")
	assert.Len(t, judged(recorded(t, "env"), ""), 5, "nothing passes unasked")
	assert.Len(t, judged(recorded(t, "env"), "0000"), 5, "another seal explains nothing")
	all := []string{one, two, attachedOne, attachedTwo}
	assert.ElementsMatch(t, all, judged(recorded(t, "env-and-boot"), seal), "the first boot changed too")
	assert.ElementsMatch(t, all, judged(recorded(t, "env-and-type"), seal), "the type changes too")

	moved := recorded(t, "env")
	attachment := row(t, moved, attachedTwo)
	attachment.Change.ReplacePaths = append(attachment.Change.ReplacePaths, []any{"port"})
	assert.Equal(t, []string{attachedTwo}, judged(moved, seal), "a registration moves to another port")

	by := recorded(t, "env")
	by.ResourceDrift = append(by.ResourceDrift, recorded(t, "parameter").ResourceDrift...)
	assert.Equal(t, []string{envParameter}, judged(by, seal), "the parameter was written by hand")

	// What an instance has in AWS and its code never named says nothing.
	disk := recorded(t, "env")
	object(row(t, disk, one).Change.After)["root_block_device"].([]any)[0].(map[string]any)["volume_size"] = 99.0
	assert.ElementsMatch(t, []string{one, attachedOne}, judged(disk, seal), "a known value in a block changes too")
}

func TestApplyTakesOneInstanceOfAGroupAtMost(t *testing.T) {
	for name, want := range map[string]int{"applied": 0, "output": 0, "parameter-settled": 0, "disk": 0, "one-less": 1, "type": 2, "env": 2, "port": 2} {
		t.Run(name, func(t *testing.T) {
			plan := planOf(recorded(t, name))
			taken := plan.Taken()
			require.Len(t, taken, want)
			for _, one := range taken {
				assert.Len(t, one.Attachments, 1)
				if name != "port" {
					assert.Contains(t, one.Address, "aws_instance.service[")
				}
			}
			if want > 1 && name != "port" {
				require.ErrorIs(t, plan.Apply(context.Background()), ErrTogether)
			}
		})
	}
}

// AWS refuses to delete a target group that a listener uses, and a plan of one instance does not show the others in it.
func TestAReplacedTargetGroupIsRefusedAlsoInTurn(t *testing.T) {
	plan := planOf(recorded(t, "port"))
	for _, err := range []error{plan.Allowed(), plan.AllowedInTurn()} {
		require.ErrorIs(t, err, ErrGroupReplaced)
		assert.ErrorContains(t, err, "aws_lb_target_group.service (replace: port)")
		assert.NotContains(t, err.Error(), "-oneByOne")
	}
	err := (&Gate{}).answer(plan)
	require.ErrorIs(t, err, ErrNotApplied)
	assert.ErrorContains(t, err, "set back what replaces aws_lb_target_group.service")
	assert.NotContains(t, err.Error(), "infra:apply", "an apply would be refused")

	assert.NoError(t, planOf(recorded(t, "env")).AllowedInTurn())
}

func TestApplyCountsRegistrationsToo(t *testing.T) {
	read := recorded(t, "applied")
	for _, address := range []string{attachedOne, attachedTwo} {
		change := row(t, read, address).Change
		change.Actions, change.After = tfjson.Actions{tfjson.ActionDelete}, nil
	}
	require.ErrorIs(t, planOf(read).Apply(context.Background()), ErrTogether)
}

func TestApplyAllowsOneInEachGroup(t *testing.T) {
	read := recorded(t, "type")
	change := row(t, read, attachedOne).Change
	object(change.Before)["target_group_arn"] = "another"
	for group, ids := range planOf(read).takenByGroup() {
		assert.Len(t, ids, 1, group)
	}
}

func FuzzChanges(f *testing.F) {
	for _, name := range []string{"drift", "env"} {
		content, err := os.ReadFile(filepath.Join("testdata", "plans", name+".json"))
		require.NoError(f, err)
		f.Add(content)
	}
	f.Add([]byte(`{"format_version":"1.2","resource_changes":[null,{"mode":"managed","type":"aws_instance","change":{"actions":["update"],"before":1,"after":[]}}],"resource_drift":[null]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		read := &tfjson.Plan{}
		if json.Unmarshal(content, read) != nil {
			return
		}
		plan := planOf(read)
		gate := &Gate{EnvSeal: "0", InFlight: []string{"i-1"}}
		refused := gate.judge(plan.Changes)
		assert.Len(t, plan.Changes, len(refused)+len(gate.Tolerated()), "a change is refused or tolerated")
		plan.Taken()
	})
}
