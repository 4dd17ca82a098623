package infra_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	made "github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/rollout"
)

const canary = "canary-4f1b9c"

// fleet is an environment of two instances in a cloud, after an apply.
type fleet struct {
	*cloud
	t     *testing.T
	dir   string
	env   *infra.Environment
	shown bytes.Buffer
	told  strings.Builder
}

func newFleet(t *testing.T) *fleet {
	withProvider(t)
	f := &fleet{t: t, cloud: newCloud(t), dir: t.TempDir()}
	content, err := os.ReadFile("testdata/fleet/main.tf")
	require.NoError(t, err)
	f.write("main.tf", string(content))
	f.write("env", "SECRET="+canary+"\n")
	f.write("boot", "1\n")
	f.write("terraform-dev.tfvars", "environment = \"dev\"\nowner = \"us\"\n")
	f.env = f.open()
	return f
}

func (f *fleet) open() *infra.Environment {
	f.t.Helper()
	env, err := infra.Open(infra.Options{Environment: "dev", Dir: f.dir, EnvFile: infra.EnvFile{Path: "env"}, Show: &f.shown})
	require.NoError(f.t, err)
	return env
}

func (f *fleet) write(name, text string) { writeFile(f.t, filepath.Join(f.dir, name), text) }

func (f *fleet) plan() *infra.Plan {
	f.t.Helper()
	plan, err := f.env.Plan(context.Background())
	require.NoError(f.t, err)
	f.t.Cleanup(func() { require.NoError(f.t, plan.Close()) })
	return plan
}

func (f *fleet) apply() {
	f.t.Helper()
	require.NoError(f.t, f.env.CreateWorkspace(context.Background()))
	plan := f.plan()
	require.NoError(f.t, plan.Apply(context.Background()))
	require.NoError(f.t, plan.Close())
}

func (f *fleet) check(gate *infra.Gate) error {
	gate.Environment = f.env
	err := gate.Check(context.Background())
	if err != nil {
		f.told.WriteString(err.Error())
		assert.NotContains(f.t, err.Error(), "\n", "an error is one line")
	}
	return err
}

// requireNoCanary looks for the env file's value in all that was said and left.
func (f *fleet) requireNoCanary() {
	f.t.Helper()
	assert.NotContains(f.t, f.shown.String(), canary)
	assert.NotContains(f.t, f.told.String(), canary)
	require.NoError(f.t, filepath.WalkDir(f.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || path == filepath.Join(f.dir, "env") {
			return err
		}
		content, err := os.ReadFile(path)
		assert.NotContains(f.t, string(content), canary, path)
		return err
	}))
}

// TestEnvironment is one long test, because each terraform that loads the provider takes seconds. Details of plans are
// tested with recorded plans.
func TestEnvironment(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it takes a minute of terraform")
	}
	f := newFleet(t)
	err := f.check(&infra.Gate{})
	require.ErrorIs(t, err, infra.ErrNotApplied, "terraform init makes the workspace of a local state")
	f.apply()
	require.Len(t, f.targets, 2)
	stamp := filepath.Join(f.dir, ".terraform", "dev", "initialised.json")
	before, err := os.Stat(stamp)
	require.NoError(t, err)

	for _, step := range []struct {
		name string
		test func(*testing.T, *fleet)
	}{
		{"in sync passes, and the right workspace is selected", inSync},
		{"outputs are the fleet", outputs},
		{"what was changed by hand is drift", drift},
		{"what was changed in the code is not applied", notApplied},
		{"broken credentials are one line", brokenCredentials},
		{"a changed env file is rolled one by one", rolled},
	} {
		t.Run(step.name, func(t *testing.T) { step.test(t, f) })
	}

	after, err := os.Stat(stamp)
	require.NoError(t, err)
	assert.Equal(t, before.ModTime(), after.ModTime(), "init ran again")
	left, err := filepath.Glob(filepath.Join(f.dir, ".terraform", "dev", "plan-*"))
	require.NoError(t, err)
	assert.Empty(t, left, "plan files are left")
	f.requireNoCanary()
}

func inSync(t *testing.T, f *fleet) {
	writeFile(t, filepath.Join(f.dir, ".terraform", "dev", "environment"), "default")
	require.NoError(t, f.check(&infra.Gate{}))
}

func outputs(t *testing.T, f *fleet) {
	outputs, err := f.env.Outputs(context.Background())
	require.NoError(t, err)
	require.Len(t, outputs.Instances, 2)
	assert.ElementsMatch(t, f.targets, []string{outputs.Instances[0].ID, outputs.Instances[1].ID})
	assert.Equal(t, made.Fleet{
		Environment: "dev", Region: "us-west-1", RegistryRegion: "us-west-1", User: "deploy",
		Repository: "123456789012.dkr.ecr.us-west-1.amazonaws.com/growl-backend", TargetGroups: []string{group},
		Instances: []rollout.Instance{
			{ID: outputs.Instances[0].ID, Name: "one", Zone: "us-west-1a", Address: "10.0.0.1"},
			{ID: outputs.Instances[1].ID, Name: "two", Zone: "us-west-1a", Address: "10.0.0.1"},
		},
	}, outputs)
}

func drift(t *testing.T, f *fleet) {
	left := f.targets[0]
	f.change(func(c *cloud) { c.leave(left); c.tags["owner"] = "them" })
	err := f.check(&infra.Gate{InFlight: []string{left}})
	require.ErrorIs(t, err, infra.ErrDrift)
	require.NotErrorIs(t, err, infra.ErrNotApplied)
	assert.ErrorContains(t, err, "drift: aws_ecr_repository.service (update: tags.owner): look")
	assert.ErrorContains(t, err, "infra:apply dev")
	require.NoError(t, f.check(&infra.Gate{Skip: true}))
	f.change(func(c *cloud) { c.targets = append(c.targets, left); c.tags["owner"] = "us" })
}

func notApplied(t *testing.T, f *fleet) {
	f.write("terraform-dev.tfvars", "environment = \"dev\"\nowner = \"others\"\n")
	f.change(func(c *cloud) { c.leave(c.targets[1]) })
	err := f.check(&infra.Gate{})
	require.ErrorIs(t, err, infra.ErrDrift)
	require.ErrorIs(t, err, infra.ErrNotApplied)
	assert.ErrorContains(t, err, "drift: aws_lb_target_group_attachment.service[\"")
	assert.ErrorContains(t, err, "(gone); not applied: aws_ecr_repository.service (update: tags.owner")
	f.write("terraform-dev.tfvars", "environment = \"dev\"\nowner = \"us\"\n")
	f.apply()
	assert.Len(t, f.targets, 2, "apply put the target back")
}

func brokenCredentials(t *testing.T, f *fleet) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIABROKEN")
	err := (&infra.Gate{Environment: f.open()}).Check(context.Background())
	require.ErrorContains(t, err, "InvalidClientTokenId")
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "on main.tf", "the configuration is not quoted")
}

func rolled(t *testing.T, f *fleet) {
	ctx := context.Background()
	old := slices.Clone(f.targets)
	f.write("env", "SECRET="+canary+"-2\n")
	seal, err := infra.SealEnv(filepath.Join(f.dir, "env"), nil)
	require.NoError(t, err)
	plan := f.plan()
	err = plan.Apply(ctx)
	require.ErrorIs(t, err, infra.ErrTogether)
	assert.ErrorContains(t, err, "-oneByOne")
	require.ElementsMatch(t, old, f.targets, "it was applied all the same")
	require.NoError(t, plan.Close())

	// One is enough here: the provider waits a while for each.
	first := plan.Taken()[0]
	err = f.env.OneByOne(ctx, []infra.Taken{first}, func(ctx context.Context, taken infra.Taken, apply func(context.Context) (string, error)) error {
		f.change(func(c *cloud) { c.leave(taken.ID); c.refuse = "TerminateInstances" }) // the engine drained it
		_, err := apply(ctx)
		require.Error(t, err)
		require.NotErrorIs(t, err, rollout.ErrGone, "it is still there")
		f.change(func(c *cloud) { c.refuse = "" })
		id, err := apply(ctx)
		require.NoError(t, err)
		assert.Contains(t, f.targets, id, "the new instance is registered")
		return nil
	})
	require.NoError(t, err)
	require.Len(t, f.targets, 2)
	assert.NotContains(t, f.targets, first.ID)
	launched := f.ec2.Instances()
	require.Len(t, launched, 3, "one was replaced, once")
	for n, i := range launched {
		assert.Equal(t, i.ID == first.ID, i.Terminated, i.ID)
		assert.Equal(t, n == 2, i.Tags["env-sha256"] == string(seal), "%s has the new env file", i.ID)
	}
	err = f.check(&infra.Gate{})
	require.ErrorIs(t, err, infra.ErrNotApplied)
	assert.NotContains(t, err.Error(), `["one"]`, "the first one is done")
	assert.Contains(t, err.Error(), `["two"]`)
}

func TestOneByOneStopsAtTheFirstError(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "terraform-dev.tfvars"), "")
	env, err := infra.Open(infra.Options{Environment: "dev", Dir: dir, Program: needs(t, "sh")})
	require.NoError(t, err)
	var seen []string
	stuck := errors.New("not healthy")
	three := []infra.Taken{{ID: "i-1", Address: "a"}, {ID: "i-2", Address: "b"}, {ID: "i-3", Address: "c"}}
	err = env.OneByOne(context.Background(), three, func(_ context.Context, taken infra.Taken, _ func(context.Context) (string, error)) error {
		seen = append(seen, taken.ID)
		if taken.ID == "i-2" {
			return stuck
		}
		return nil
	})
	require.ErrorIs(t, err, stuck)
	assert.ErrorContains(t, err, "replace b (i-2)")
	assert.Equal(t, []string{"i-1", "i-2"}, seen)
	err = env.OneByOne(context.Background(), []infra.Taken{{ID: "i-9"}}, nil)
	require.ErrorContains(t, err, "i-9: it is not in this configuration")
}
