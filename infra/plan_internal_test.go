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

// recorded is a plan that the real Terraform and AWS provider made: see
// TestEnvironment, which records it with -update.
func recorded(t *testing.T, name string) *tfjson.Plan {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "plans", name+".json"))
	require.NoError(t, err)
	plan := &tfjson.Plan{}
	require.NoError(t, json.Unmarshal(content, plan))
	return plan
}

func planOf(read *tfjson.Plan) *Plan {
	return &Plan{json: read, Changes: changesOf(read), differs: true, environment: &Environment{name: "dev"}}
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
		"applied": nil,
		"drift": {
			"drift aws_ecr_repository.service (update: tags.owner, tags_all.owner)",
			`drift aws_lb_target_group_attachment.service["one"] (gone)`,
		},
		"one-larger": {`not applied aws_instance.service["one"] (update: instance_type)`},
		"renamed": {
			`not applied aws_instance.service["one"] (update: tags.Name, tags_all.Name)`,
			`not applied aws_instance.service["two"] (update: tags.Name, tags_all.Name)`,
		},
		"env": {
			`not applied aws_instance.service["one"] (replace: tags.env-sha256, tags_all.env-sha256, user_data)`,
			`not applied aws_instance.service["two"] (replace: tags.env-sha256, tags_all.env-sha256, user_data)`,
			`not applied aws_lb_target_group_attachment.service["one"] (replace)`,
			`not applied aws_lb_target_group_attachment.service["two"] (replace)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, want, told(changesOf(recorded(t, name))))
		})
	}
}

// What Terraform calls drift right after a first apply: null became empty.
func TestARefreshedRowIsNoDrift(t *testing.T) {
	refreshed := func(address string) *tfjson.ResourceChange {
		return &tfjson.ResourceChange{Address: address, Mode: tfjson.ManagedResourceMode, Change: &tfjson.Change{
			Actions: tfjson.Actions{tfjson.ActionUpdate},
			Before:  map[string]any{"tags": nil, "ipv6_addresses": nil, "instance_type": "m5.large"},
			After:   map[string]any{"tags": map[string]any{}, "ipv6_addresses": []any{}, "instance_type": "m5.large"},
		}}
	}
	plan := recorded(t, "applied")
	plan.ResourceDrift = append(plan.ResourceDrift, refreshed(`aws_instance.service["one"]`))
	assert.Empty(t, changesOf(plan))

	plan = recorded(t, "one-larger")
	plan.ResourceDrift = append(plan.ResourceDrift, refreshed(`aws_instance.service["one"]`))
	changes := changesOf(plan)
	require.Len(t, changes, 1)
	assert.Equal(t, NotApplied, changes[0].Kind, "the code moved another attribute")

	plan.ResourceDrift[0].Change.Before = map[string]any{"instance_type": "m5.xlarge"}
	assert.Equal(t, Drift, changesOf(plan)[0].Kind)
}

func TestGateLetsTheDeadRunsAttachmentsPass(t *testing.T) {
	changes := changesOf(recorded(t, "drift"))
	one := "i-00000000000000001"
	for _, c := range []struct {
		name     string
		inFlight []string
		refused  int
	}{
		{"nobody was in flight", nil, 2},
		{"another was", []string{"i-00000000000000002"}, 2},
		{"it was", []string{one}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			gate := &Gate{InFlight: c.inFlight}
			assert.Len(t, gate.judge(changes), c.refused)
			assert.Len(t, gate.Tolerated(), 2-c.refused)
		})
	}
	t.Run("removed from the code", func(t *testing.T) {
		plan := recorded(t, "env")
		gate := &Gate{InFlight: []string{one}}
		assert.Len(t, gate.judge(changesOf(plan)), 4, "an attachment that the code changes is no dead run's")
	})
}

func TestGateLetsExactlyTheSealedEnvFilePass(t *testing.T) {
	sealOf := func(plan *tfjson.Plan) Seal {
		after := object(row(t, plan, `aws_instance.service["one"]`).Change.After)
		return Seal(object(after["tags"])[envTag].(string))
	}
	judged := func(plan *tfjson.Plan, seal Seal) int {
		gate := &Gate{EnvSeal: seal}
		return len(gate.judge(changesOf(plan)))
	}
	plan := recorded(t, "env")
	seal := sealOf(plan)
	assert.Equal(t, 0, judged(plan, seal))
	assert.Equal(t, 4, judged(plan, ""), "nothing passes unasked")
	assert.Equal(t, 4, judged(plan, "0000"), "another seal explains nothing")
	assert.Equal(t, 4, judged(recorded(t, "env-and-boot"), seal), "the first boot changed too")

	larger := recorded(t, "env")
	object(row(t, larger, `aws_instance.service["one"]`).Change.After)["instance_type"] = "m5.xlarge"
	assert.Equal(t, 2, judged(larger, seal), "one grows too, and its registration goes with it")

	moved := recorded(t, "env")
	attachment := row(t, moved, `aws_lb_target_group_attachment.service["two"]`)
	attachment.Change.ReplacePaths = append(attachment.Change.ReplacePaths, []any{"port"})
	assert.Equal(t, 1, judged(moved, seal), "a registration moves to another port")
}

func TestApplyTakesOneInstanceOfAGroupAtMost(t *testing.T) {
	for name, want := range map[string]int{"applied": 0, "drift": 0, "renamed": 0, "one-larger": 1, "larger": 2, "env": 2} {
		t.Run(name, func(t *testing.T) {
			plan := planOf(recorded(t, name))
			taken := plan.Taken()
			require.Len(t, taken, want)
			for _, one := range taken {
				assert.Contains(t, one.Address, "aws_instance.service[")
				assert.Len(t, one.Attachments, 1)
			}
			if want > 1 {
				plan.differs = true
				require.ErrorIs(t, plan.Apply(context.Background()), ErrTogether)
			}
		})
	}
}

func TestApplyCountsRegistrationsToo(t *testing.T) {
	read := recorded(t, "applied")
	for _, key := range []string{"one", "two"} {
		change := row(t, read, `aws_lb_target_group_attachment.service["`+key+`"]`).Change
		change.Actions, change.After = tfjson.Actions{tfjson.ActionDelete}, nil
	}
	require.ErrorIs(t, planOf(read).Apply(context.Background()), ErrTogether)
}

func TestApplyAllowsOneInEachGroup(t *testing.T) {
	read := recorded(t, "larger")
	change := row(t, read, `aws_lb_target_group_attachment.service["one"]`).Change
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
